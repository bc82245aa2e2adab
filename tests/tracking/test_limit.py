"""How long a process that asks a store may take: a while without a piece sent, and several times that in all."""

import signal
import subprocess
import sys

import pytest

SENDS = """
import time
from charloom.tracking import limits
limits.TOTAL_FACTOR, limits.KILL_DELAY = 3, 1
with limits.time_limit(1):
    try:
        for _ in range({pieces}):
            time.sleep(0.4)
            limits.note_progress()
    except limits.Unavailable:
        {caught}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pieces", "caught", "code"),
    [(5, "exit(5)", 0), (100, "exit(5)", 5), (100, "time.sleep(9)", -signal.SIGALRM)],
    ids=["a piece begins the wait again", "the whole is limited", "also if a library catches the exception"],
)
def test_the_whole_is_limited(pieces, caught, code):
    script = SENDS.format(pieces=pieces, caught=caught)
    done = subprocess.run([sys.executable, "-c", script], check=False, timeout=30, env={"PYTHONPATH": "src"})
    assert done.returncode == code
