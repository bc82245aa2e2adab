"""How long a process that asks a store may take: a while without a piece sent, and ten times that in all."""

import signal
import subprocess
import sys

import pytest

SENDS = """
import time
from charloom.base.errors import Unavailable
from charloom.tracking import limits
limits.TOTAL_FACTOR, limits.KILL_DELAY = 3, 1
try:
    with limits.time_limit(1):
        for _ in range({pieces}):
            try:
                time.sleep({seconds})
            except BaseException:
                if not {swallowed}:
                    raise
                time.sleep(9)
            limits.note_progress()
except Unavailable:
    raise SystemExit(5)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pieces", "seconds", "swallowed", "code"),
    [(5, 0.4, False, 0), (1, 5, False, 5), (100, 0.4, False, 5), (1, 5, True, -signal.SIGALRM)],
    ids=["each piece begins the wait anew", "silence ends it", "and so does the whole", "also where it is caught"],
)
def test_silence_is_limited_and_the_whole(pieces, seconds, swallowed, code):
    script = SENDS.format(pieces=pieces, seconds=seconds, swallowed=swallowed)
    done = subprocess.run([sys.executable, "-c", script], check=False, timeout=30, env={"PYTHONPATH": "src"})
    assert done.returncode == code
