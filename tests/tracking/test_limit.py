"""How long a process that waits for a store may take: as long as it makes progress, or a number of seconds."""

import subprocess
import sys

import pytest

WAITS = """
import time
from charloom.tracking.limits import note_progress, time_limit
with time_limit("not sent ({{}})", 5, {longest}, 1):
    for _ in range(5):
        time.sleep({pause})
        note_progress("run x")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pause", "longest", "code", "message"),
    [
        (0.4, 60, 0, ""),
        (3, 60, 5, "not sent (MLflow: no progress for 1 s)\n"),
        (0.4, 1, 5, "not sent (run x: not done in 1 s)\n"),
    ],
    ids=["progress restarts the limit", "silence is limited", "the whole is limited"],
)
def test_a_wait_is_limited(pause, longest, code, message):
    script = WAITS.format(pause=pause, longest=longest)
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=False, timeout=30, env={"PYTHONPATH": "src"}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (code, message)
