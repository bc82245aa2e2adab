"""Record the SHA-256 of every source and input file at the moment when this process opens the file.

So a stage also detects an edit that was undone before the stage ended.
"""

import hashlib
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib.util import source_from_cache
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).resolve().parents[3]
_hashes: dict[str, set[str | None]] = {}  # all contents seen, by absolute path
_states: dict[str, tuple[int, ...]] = {}  # _state of every watched or hashed file when it was last hashed


def note_opened() -> None:
    """Install the audit hook: it hashes sources of this project and watched files when this process opens them.

    The sources that this process has opened before are hashed now.
    """
    for path in (sys.argv[0], *(getattr(module, "__file__", None) for module in sys.modules.values())):
        _on_event("open", (path,))
    sys.addaudithook(_on_event)


def watch(paths: Iterable[Path]) -> None:
    """Watch these files: the audit hook hashes a watched file if it has changed when this process opens it.

    The present content is not hashed, because the caller knows it. A file that cannot be read is not watched.
    """
    for path in paths:
        with suppress(OSError):
            _states[str(path.absolute())] = _state(path)


def edited_since_opened() -> list[str]:
    """Return the files that were edited after this process opened them: sorted paths, relative to the working folder.

    A file that had several contents when it was opened is returned, too.
    """
    return [os.path.relpath(path) for path, hashes in sorted(_hashes.items()) if hashes != {_sha256(path)}]


def _on_event(event: str, arguments: tuple[Any, ...]) -> None:
    """Hash the file if the audit event is `open` and the file is a source of this project or watched.

    The event precedes the opening. For a compiled module (.pyc) the source is hashed.
    """
    if event == "open" and isinstance(arguments[0], str):
        path = arguments[0]
        with suppress(OSError, ValueError):
            if path.endswith(".pyc") and str(SOURCES) in path:
                path = source_from_cache(path)
            path = str(Path(path).absolute())
            source = path.endswith((".py", ".csv")) and path.startswith(f"{SOURCES}{os.sep}")
            if (source or path in _states) and _states.get(path) != (state := _state(path)):
                _states[path] = state  # first: hashing opens the file
                _hashes.setdefault(path, set()).add(_sha256(path))


def _state(path: str | Path) -> tuple[int, ...]:
    """Return inode, size, mtime and ctime: one of them changes if the file is written or replaced. Raises OSError."""
    status = Path(path).stat()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _sha256(path: str) -> str | None:
    """Return the file's SHA-256 in hexadecimal digits, or None if the file cannot be read.

    `storage.sha256` is not used: this module must import no source of the project before the hook is installed.
    """
    with suppress(OSError), Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
    return None
