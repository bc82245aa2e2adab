"""The sources of this project, and their SHA-256. A stage calls this module before it imports the others.

Therefore this module imports the standard library alone, and runs on an old Python, too.
"""

import hashlib
from contextlib import suppress
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[3]


def source_hashes(folder: Path = SOURCES) -> dict[str, str]:
    """Return the SHA-256 of each file in the folder of sources, by path relative to the project: `src/train.py`."""
    hashes = {}
    for file in files_in(folder):
        with suppress(OSError):  # an editor's temporary file; a missing dependency is named at the end
            hashes[file.relative_to(folder.parent).as_posix()] = hashlib.sha256(file.read_bytes()).hexdigest()
    return hashes


def files_in(path: Path) -> list[Path]:
    """Return [path] for a file, all files below it for a folder, sorted, and [] if the path does not exist.

    Files that .dvcignore excludes are left out: those in `__pycache__`, and temporary files `.*.new`.
    """
    with suppress(OSError, ValueError):  # an impossible name, which the stage reports
        paths = [file for file in (sorted(path.rglob("*")) if path.is_dir() else [path]) if file.is_file()]
        return [file for file in paths if "__pycache__" not in file.parts and not file.match(".*.new")]
    return []
