"""How long a process that asks a store may take without a piece sent."""

import signal
import subprocess
import sys

import pytest

SENDS = """
import time
from charloom.tracking import limits
limits.SILENCE_LIMIT = limits.KILL_DELAY = 1
with limits.time_limit():
    try:
        for _ in range(5):
            time.sleep({pause})
            limits.note_progress()
    except limits.Unavailable:
        {caught}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pause", "caught", "code"),
    [(0.4, "exit(5)", 0), (3, "exit(5)", 5), (3, "time.sleep(9)", -signal.SIGALRM)],
    ids=["a piece begins the wait again", "the silence is limited", "also if a library catches the exception"],
)
def test_a_silence_is_limited(pause, caught, code):
    script = SENDS.format(pause=pause, caught=caught)
    done = subprocess.run([sys.executable, "-c", script], check=False, timeout=30, env={"PYTHONPATH": "src"})
    assert done.returncode == code
