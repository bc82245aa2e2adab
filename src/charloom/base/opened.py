"""The sources and inputs that this process opens: the SHA-256 of each, at the moment at which it was opened.

An edit that is undone later leaves no difference between the start and the end of a stage. Here it does.
"""

import hashlib
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib.util import source_from_cache
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).resolve().parents[2]
_hashes: dict[str, set[str | None]] = {}  # by absolute path
_states: dict[str, tuple[int, ...]] = {}  # of each watched file, as it was hashed last


def note_opened(*already: str) -> None:
    """Hash from now on each source of this project that is imported, and each watched file; and those opened so far."""
    for path in already:
        _note(str(Path(path).absolute()))
    sys.addaudithook(_on_event)


def watch(paths: Iterable[Path]) -> None:
    """Hash these files too if they are opened in another state than now: the caller knows what they hold now."""
    for path in paths:
        with suppress(OSError):
            _states[str(path.absolute())] = _state(path)


def edited_since_opened() -> list[str]:
    """Return the files, relative to the working folder, of which other content was opened than they have now."""
    return [os.path.relpath(path) for path, hashes in sorted(_hashes.items()) if hashes != {_sha256(path)}]


def _on_event(event: str, arguments: tuple[Any, ...]) -> None:
    """Take Python's audit events: `open` comes before a file is opened, that of a compiled module too."""
    if event == "open" and isinstance(arguments[0], str):
        path = arguments[0]
        with suppress(OSError, ValueError):
            if path.endswith(".pyc") and str(SOURCES) in path:
                path = source_from_cache(path)
            path = str(Path(path).absolute())
            if path in _states or (path.endswith(".py") and path.startswith(f"{SOURCES}{os.sep}")):
                _note(path)


def _note(path: str) -> None:
    with suppress(OSError):
        state = _state(path)
        if _states.get(path) != state:
            _states[path] = state  # first: hashing opens the file
            _hashes.setdefault(path, set()).add(_sha256(path))


def _state(path: str | Path) -> tuple[int, ...]:
    """Return four numbers that change when a file is written or replaced. Raises OSError if it is missing."""
    found = Path(path).stat()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _sha256(path: str) -> str | None:
    """Return what `storage.sha256` does: to import storage here would be to import sources before they are hashed."""
    with suppress(OSError), Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
    return None
