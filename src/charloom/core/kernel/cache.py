"""Compilation with Numba, and a cache for compiled code in a folder named by a hash of the sources.

The hash covers all Python files of this package, those of `network` except rnn.py, and the file of the compiled
function: compiled code contains the kernel's functions, the order of an optimiser's rates, and LN2. Compiled code
contains nothing of network/rnn.py, so an edit of the equations for the backend `numpy` compiles nothing again. An edit
of a comment, a docstring or the line breaks does not either: the hash is that of the syntax trees.

Numba's own cache uses the path and time stamp of the function's file as key. That key ignores imported files and the
optimisation level. It also differs between clones, queued experiments and tests, so each would compile again. And
Numba unpickles any file that it finds there. In this cache a file begins with the SHA-256 of the rest: a file with a
wrong hash is not unpickled but replaced. If the folder is not writable, the code is compiled but not cached.
"""

import ast
import hashlib
import os
import pickle
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import numba
from llvmlite.binding import add_symbol
from numba import config, njit
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.runtime._nrt_python import c_helpers
from numba.core.serialize import dumps

from charloom.core.base.terminal import warn_once

PACKAGE = Path(__file__).parents[1]
PROGRAM = "charloom.core.runtime.program"  # the first import of our own programs
SOURCES = ("kernel/*.py", "network/*.py")  # compiled functions include code of several files
# error_model "numpy": a division by zero gives ∞ or NaN, not an exception.
COMPILED: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": False, "no_cfunc_wrapper": True}
# Only compiled code calls an inner function. The caller holds the arrays, so their references need no counts (_nrt).
INNER = COMPILED | {"no_cpython_wrapper": True, "_nrt": False}
PASTED = INNER | {"inline": "always"}  # inlined into the calling function, for short functions
DIGEST = hashlib.sha256().digest_size
NAME_LENGTH = 16  # of a folder's name: hexadecimal digits
MAX_AGE = 90 * 86_400  # seconds without use, after which compiled code is removed


def compiled(function: Callable[..., Any]) -> Any:
    """Return the function, compiled on the first call with each combination of argument types, and cached on disk.

    The code is not cached if `cache_home` raises RuntimeError, because there is no folder for a cache.
    """
    dispatcher = njit(**COMPILED)(function)
    with suppress(RuntimeError):  # no folder for the cache
        dispatcher._cache = FolderCache(function)
    return dispatcher


def folder_of(function: Any) -> Path | None:
    """Return the folder in which the code of a `compiled` function is cached; None if it is not cached."""
    return getattr(function._cache, "folder", None)


def cache_home() -> Path:
    """Return the folder of all caches: `charloom` in NUMBA_CACHE_DIR, in XDG_CACHE_HOME or in ~/.cache.

    Raises RuntimeError if neither variable is set and the user has no home folder.
    """
    variables = (os.environ.get(name) for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"))
    return Path(next(filter(None, variables), None) or Path.home() / ".cache") / "charloom"


def _hash(parts: list[bytes]) -> str:
    """Return the first digits of the SHA-256 of the parts."""
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:NAME_LENGTH]


def _syntax_tree(source: bytes) -> bytes:
    """Return the syntax tree of a Python file, as text, without docstrings and positions in the file."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.dump(tree).encode()


class FolderCache(NullCache):
    """A cache with a file for each function and signature (the types of its arguments), in a folder of `cache_home`."""

    def __init__(self, function: Callable[..., Any], package: Path = PACKAGE) -> None:
        """Read the sources of `package` during the import: later the files may differ from the imported code."""
        sources = {file for pattern in SOURCES for file in package.glob(pattern)} - {package / "network" / "rnn.py"}
        files = sorted({*sources, Path(function.__code__.co_filename)})
        self.option = str(config.OPT).encode()
        self.contents = [file.read_bytes() for file in files]
        self.home, self.name = cache_home(), f"{function.__module__}.{function.__qualname__}"

    @cached_property
    def folder(self) -> Path:
        """Return the folder for code of these sources. The name of the folder is a hash of the sources' syntax trees.

        Parsing takes a tenth of a second, so the name is stored in a file, named by a hash of the sources' bytes.
        """
        known = self.home / f"{_hash([*self.contents, self.option])}.folder"
        with suppress(OSError):
            if len(name := known.read_text()) == NAME_LENGTH:
                return self.home / name
        name = _hash([*map(_syntax_tree, self.contents), self.option])
        with suppress(OSError):  # the next process parses again
            self.home.mkdir(parents=True, exist_ok=True)
            known.write_text(name)
        return self.home / name

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the cached code for this signature, or None if its file is missing, unreadable or damaged."""
        path = self._path(sig, target_context.codegen())
        with suppress(OSError):
            content = path.read_bytes()
            with suppress(OSError):
                os.utime(self.folder)  # marks the folder as used; another user's may be read-only
            if hashlib.sha256(content[DIGEST:]).digest() == content[:DIGEST]:
                # Compiled code calls these functions. Numba's refresh, which adds them, too, takes a tenth of a second.
                for name, address in c_helpers.items():
                    add_symbol(name if name.startswith("_") else f"NRT_{name}", address)
                # The hash shows that the file is complete. A process that can write here could also run any code.
                return CompileResult._rebuild(target_context, *pickle.loads(content[DIGEST:]))  # noqa: S301  hashed above, in the user's own folder
        # Numba's refresh imports cffi and scipy.linalg, to support them in compiled code: a sixth of a start. Our code
        # calls neither, so in our own programs None in sys.modules makes these imports fail, and Numba goes on.
        modules: dict[str, Any] = sys.modules
        hidden = {"cffi", "scipy.linalg"} - modules.keys() if PROGRAM in modules else set()
        modules |= dict.fromkeys(hidden)
        target_context.refresh()
        for name in hidden:
            del modules[name]
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write the compiled code for this signature to the cache; warn once if the file cannot be written.

        Code that contains addresses of this process is not cached. Folders that are no longer used are removed.
        """
        if data.library.has_dynamic_globals:
            return  # the code contains addresses of this process
        path = self._path(sig, data.codegen)
        new = path.with_suffix(f".{os.getpid()}.compiled")  # another process may write the same code now
        content = dumps(data._reduce())
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            new.write_bytes(hashlib.sha256(content).digest() + content)
            new.replace(path)
        except OSError as error:
            with suppress(OSError):
                new.unlink()
            reason = f"{self.folder}: {error.strerror}"
            warn_once(str(self.folder), f"{reason}: compiled code is not cached; the next start compiles again")
        self._remove_unused()

    def _remove_unused(self) -> None:
        """Remove the code, of any version of the sources, that has not been used for MAX_AGE seconds.

        Files that this class did not write are not removed, nor are the folders of such files.
        """
        for file in self.home.glob("*.folder"):
            with suppress(OSError):
                if time.time() - file.stat().st_mtime > MAX_AGE:
                    file.unlink()
        for folder in self.home.glob("[0-9a-f]" * NAME_LENGTH):
            with suppress(OSError):
                if time.time() - folder.stat().st_mtime > MAX_AGE:
                    for file in folder.glob("*.compiled"):  # also temporary files of killed processes
                        file.unlink()
                    folder.rmdir()

    def _path(self, sig: Any, codegen: Any) -> Path:
        """Return the path of the cache file. The file name has a hash of the versions, the processor and `sig`."""
        depends = (numba.__version__, sys.implementation.cache_tag, *codegen.magic_tuple(), sig)
        return self.folder / f"{self.name}-{hashlib.sha256(str(depends).encode()).hexdigest()[:16]}.compiled"
