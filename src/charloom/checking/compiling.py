"""What later stages run is compiled by another process, while the gradient check compiles what it runs."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from charloom.kernel.update import updates

SOURCES = Path(__file__).parents[2]


def compile_ahead(module: str, K: int) -> None:
    """Start the module as a process that compiles what later stages run, if nothing of these sources is compiled.

    Nobody waits for it: what it has not done is done later.
    """
    kept = getattr(updates._cache, "folder", None)
    if kept is not None and not kept.exists():
        with suppress(OSError):  # no room for another process
            subprocess.Popen(
                [sys.executable, "-P", "-m", module, str(K)],
                env=os.environ | {"PYTHONPATH": str(SOURCES)},
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
