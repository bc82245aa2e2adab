"""The project's sources, and their SHA-256 at the start of a stage's process."""

import hashlib
from contextlib import suppress
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2]
AT_START: dict[str, str] = {}  # SHA-256 in hexadecimal digits, by absolute path; empty in other processes than stages


def hash_sources() -> None:
    """Fill AT_START. A stage calls this before it imports anything else of the project.

    An edit between this call and the end of the stage is then detected, also if it precedes the edited file's import.
    """
    for path in SOURCES.rglob("*"):
        if "__pycache__" not in path.parts:
            with suppress(OSError):  # a folder, or a temporary file that an editor has removed
                AT_START[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
