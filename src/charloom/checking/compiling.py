"""Compile the code of later stages in a second process, while the gradient check compiles its own code."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from charloom.kernel.update import updates

SOURCES = Path(__file__).parents[2]


def compile_ahead(module: str, K: int) -> None:
    """Start a module that compiles the code of later stages for K characters, if the cache for these sources is empty.

    Returns at once. A later stage compiles whatever the process has not finished.
    """
    folder = getattr(updates._cache, "folder", None)
    if folder is not None and not folder.exists():
        with suppress(OSError):  # the system refuses another process
            subprocess.Popen(
                [sys.executable, "-P", "-m", module, str(K)],
                env=os.environ | {"PYTHONPATH": str(SOURCES)},
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
