"""Hash the source files in src; let processes import no module of the working folder.

A stage imports this module before any other of the project.

Therefore this module imports only the standard library, and runs with an old Python, too.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[3]
SAFE_PATH = "PYTHONSAFEPATH"  # if set, Python puts neither the working folder nor the script's on its path


def source_hashes(folder: Path = SOURCES) -> dict[str, str]:
    """Return {path: SHA-256} for the files in the folder of sources; a path begins with its name: `src/train.py`."""
    hashes = {}
    for file in files_in(folder):
        with suppress(OSError):  # an editor's temporary file; a missing dependency is named at the end
            hashes[file.relative_to(folder.parent).as_posix()] = hashlib.sha256(file.read_bytes()).hexdigest()
    return hashes


def files_in(path: Path) -> list[Path]:
    """List the files at `path`: [path] for a file, the sorted files below a folder, [] if the path does not exist.

    Files that .dvcignore excludes are left out: those in `__pycache__`, and temporary files `.*.new`.
    """
    with suppress(OSError, ValueError):  # an impossible name, which the stage reports
        paths = [file for file in (sorted(path.rglob("*")) if path.is_dir() else [path]) if file.is_file()]
        return [file for file in paths if "__pycache__" not in file.parts and not file.match(".*.new")]
    return []


@contextmanager
def safe_path() -> Iterator[None]:
    """Let a Python process that starts in the block import no module from the working folder, such as its `json.py`."""
    before = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        del os.environ[SAFE_PATH]
        if before is not None:
            os.environ[SAFE_PATH] = before
