"""How code is compiled, and where it is kept: in a folder named by a hash of its sources, so never stale.

They are this room's files, and the function's own.

Numba has a cache too. Its key is the function's file and its time stamp. That key misses imported files and the
optimisation level, and it differs in a clone, in a queued experiment's folder and in a test, so each would compile
anew. And it unpickles whatever lies there. Here a file begins with the SHA-256 of the rest: one that is not what was
written is never unpickled, and replaced. A folder that cannot be written is no reason to fail.
"""

import hashlib
import os
import pickle
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba
from numba import config, njit
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from charloom import STAGE
from charloom.base.terminal import warn_once

ROOM = Path(__file__).parent  # all its files are hashed: an edit of one left out would leave stale code in use
# error_model: a division by zero is IEEE's, not an exception.
COMPILED: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": False, "no_cfunc_wrapper": True}
INNER = COMPILED | {"no_cpython_wrapper": True}  # called from compiled code alone
PASTED = INNER | {"inline": "always"}  # short: compiled as a part of what calls it, not once for each kind of arguments
DIGEST = hashlib.sha256().digest_size
UNUSED = 90 * 86_400  # seconds, after which compiled code is removed


def compiled(function: Callable[..., Any]) -> Any:
    """Return the function, compiled for each kind of arguments that it meets, and kept for the next process."""
    dispatcher = njit(**COMPILED)(function)
    with suppress(RuntimeError):  # this user has no home: nothing is kept
        dispatcher._cache = Kept(function)
    return dispatcher


class Kept(NullCache):
    """A file for each function and kind of arguments, in the user's cache or in NUMBA_CACHE_DIR."""

    def __init__(self, function: Callable[..., Any]) -> None:
        """Take the function, whose module is being imported: the sources are those that it was read from."""
        files = sorted({*ROOM.glob("*.py"), Path(function.__code__.co_filename)})
        contents = [file.read_bytes() for file in files]
        self.key = hashlib.sha256(b"\0".join([*contents, str(config.OPT).encode()])).hexdigest()
        home = config.CACHE_DIR or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "charloom"
        self.folder, self.name = Path(home) / self.key[:16], f"{function.__module__}.{function.__qualname__}"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return what was kept for this signature, or None."""
        modules: dict[str, Any] = sys.modules
        # Numba registers what compiled code may call of these two, and imports them for it: a sixth of a start. What a
        # stage compiles calls neither. Another's program may: what Numba leaves out here is missing there, too. None
        # stands for a module that cannot be imported; Numba goes on without it.
        hidden = {"cffi", "scipy.linalg"} - modules.keys() if STAGE else set()
        modules |= dict.fromkeys(hidden)
        target_context.refresh()
        for name in hidden:
            del modules[name]
        path = self._path(sig, target_context.codegen())
        with suppress(OSError):
            content = path.read_bytes()
            with suppress(OSError):
                os.utime(self.folder)  # it is in use; another user's may be read, and no more
            if hashlib.sha256(content[DIGEST:]).digest() == content[:DIGEST]:
                # The hash says that it is whole, as this user wrote it: whoever can write here can run anything anyway.
                return CompileResult._rebuild(target_context, *pickle.loads(content[DIGEST:]))  # noqa: S301  hashed above, in the user's own folder
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled for this signature, if that is possible."""
        if data.library.has_dynamic_globals:
            return  # it holds addresses of this process
        path = self._path(sig, data.codegen)
        new = path.with_suffix(f".{os.getpid()}")  # others may be compiling the same
        content = dumps(data._reduce())
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            new.write_bytes(hashlib.sha256(content).digest() + content)
            new.replace(path)
        except OSError as error:
            with suppress(OSError):
                new.unlink()
            warn_once(
                "cache", f"{self.folder}: {error.strerror}: compiled code is not kept; the next start compiles again"
            )
        self._remove_unused()

    def _remove_unused(self) -> None:
        """Remove what was compiled of sources that nobody has used for long."""
        for folder in self.folder.parent.glob("[0-9a-f]" * 16):
            with suppress(OSError):
                if time.time() - folder.stat().st_mtime > UNUSED:
                    for file in folder.iterdir():  # what a killed process was writing, too
                        file.unlink()
                    folder.rmdir()

    def _path(self, sig: Any, codegen: Any) -> Path:
        """Return the file: its name holds all that the machine code depends on beside the sources."""
        depends = (numba.__version__, sys.implementation.cache_tag, *codegen.magic_tuple(), sig)
        return self.folder / f"{self.name}-{hashlib.sha256(str(depends).encode()).hexdigest()[:16]}.compiled"
