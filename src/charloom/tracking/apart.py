"""A process of its own for whatever asks a store something: no store can hold us up, or fill memory or disk.

A store may answer a byte a second, or without end, or with what fills the memory once it is unpacked. So this process
has a deadline, which begins when MLflow is imported, before the wait for the store's lock; and a limit of the address
space, beside what the imports map: 0.6 GB, of which 0.2 are in memory. macOS knows that limit and does not keep it.

python -m charloom.tracking.apart SECONDS MODULE.FUNCTION ARGUMENT...
"""

import os
import resource
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import psutil

from charloom.base.errors import Damaged, Unavailable, WrongInput
from charloom.settings.entry import run_command
from charloom.tracking.locations import follow_folder
from charloom.tracking.messages import first_line

SOURCES = Path(__file__).parents[2]
MEMORY = 768 * 2**20  # bytes, beside what the imports map
RAISED = {error.exit_code: error for error in (WrongInput, Damaged)}


def apart(function: str, *arguments: str, seconds: int, answers: bool = False) -> str:
    """Call a function of this room, `send.send` say, in a process of its own; return what it prints if it `answers`.

    Raises what it raises: WrongInput, Damaged or Unavailable; Unavailable too where the process ends in another way.
    """
    follow_folder()  # here, so that its line is heard
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(seconds), function, *arguments],
        # Each thread that MLflow starts would map 64 MB for small objects of its own.
        env={"MALLOC_ARENA_MAX": "2"} | os.environ | {"PYTHONPATH": str(SOURCES)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if answers else None, stderr=subprocess.PIPE,
        text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode == -signal.SIGALRM:
        raise Unavailable(f"no answer within {seconds} s")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
        raise RAISED.get(done.returncode, Unavailable)(first_line(last))
    return done.stdout or ""


def limit_memory() -> None:
    """Let this process map so much more than MLflow needs, and no more: then a MemoryError is raised."""
    import_module("charloom.tracking.completion")
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = psutil.Process().memory_info().vms + MEMORY
    if soft == resource.RLIM_INFINITY or most < soft:
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _here(seconds: str, function: str, *arguments: str) -> None:
    """Call the function here, within the limits."""
    limit_memory()
    signal.alarm(int(seconds))
    module, _, name = function.partition(".")
    getattr(import_module(f"charloom.tracking.{module}"), name)(*arguments)


if __name__ == "__main__":
    run_command(lambda: _here(*sys.argv[1:]))
