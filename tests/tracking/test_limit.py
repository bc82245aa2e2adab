"""How long a process that asks a store may take: a while without a piece sent, and ten times that in all."""

import signal
import subprocess
import sys

import pytest

SENDS = """
import time
from charloom.tracking import apart
apart.WHOLE = 3
apart.limit_time(1)
for _ in range({pieces}):
    time.sleep({seconds})
    apart.went_on()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pieces", "seconds", "code"),
    [(5, 0.4, 0), (1, 5, -signal.SIGALRM), (100, 0.4, -signal.SIGALRM)],
    ids=["each piece begins the wait anew", "silence ends it", "and so does the whole"],
)
def test_silence_is_limited_and_the_whole(pieces, seconds, code):
    script = SENDS.format(pieces=pieces, seconds=seconds)
    done = subprocess.run([sys.executable, "-c", script], check=False, timeout=30, env={"PYTHONPATH": "src"})
    assert done.returncode == code
