"""A signal ends a command at once, also where Python loses the exception that tells of it."""

import subprocess
import sys
import time

import pytest
from conftest import started, until

COMMAND = """
import ctypes, signal
from contextlib import suppress
from numba.core.compiler_lock import global_compiler_lock
from charloom.base.signals import at_once

def hit(*_):
    signal.raise_signal(signal.{word})

class Finalized:
    __del__ = hit

at_once()
{place}
print("went on")
"""
PLACES = {
    "a finalizer": "Finalized()",
    "a callback": "ctypes.CFUNCTYPE(None)(hit)()",
    "Numba's compiler, which may catch it": "with global_compiler_lock, suppress(BaseException): hit()",
}


@pytest.mark.parametrize(("word", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_signal_is_not_lost_in(place, word, code):
    script = COMMAND.format(place=place, word=word)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("", f"stopped by {word}\n", code)


def test_a_signal_while_the_kernel_compiles_ends_the_stage_at_once(project, tmp_path):
    project.edit("params.yaml", "dtype: float64", "dtype: float32")
    stage = started(project, "python", "src/train.py", NUMBA_CACHE_DIR=str(tmp_path / "empty"))
    until(lambda: (project.folder / ".charloom/train").exists())
    time.sleep(3)
    sent = time.monotonic()
    stage.terminate()
    assert stage.wait(timeout=20) == 143
    assert time.monotonic() - sent < 2
