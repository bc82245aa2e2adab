"""Compile the code of later stages in a second process, while the gradient check compiles its own code."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from charloom.kernel.update import updates

SOURCES = Path(__file__).parents[2]


def compile_ahead(module: str, K: int) -> None:
    """Start a process that runs `module`, which compiles the code of later stages for a vocabulary of K characters.

    Does nothing if the cache has code of these sources, if there is no cache, or if the system refuses another process.
    Returns at once. A later stage compiles the code that the process has not finished.
    """
    folder = getattr(updates._cache, "folder", None)
    if folder is not None and not folder.exists():
        with suppress(OSError):  # the system refuses another process
            subprocess.Popen(
                [sys.executable, "-P", "-m", module, str(K)],
                env=os.environ | {"PYTHONPATH": str(SOURCES)},
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
