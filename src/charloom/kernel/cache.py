"""How code is compiled, and where it is kept: in a folder named by a hash of this room's sources, so never stale.

Numba's own key is the function's file and its time stamp. That key misses imported files and the optimisation level,
and it differs in a clone, in a queued experiment's folder and in a test, so each would compile anew. Numba adds the
processor and the versions of Numba and Python to our key as to its own.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from numba import config
from numba.core.caching import _CacheLocator

ROOM = Path(__file__).parent  # all its files are hashed: an edit of one left out would leave stale code in use
# Numba's own places come after: a cache folder that cannot be written is no reason to fail.
_NUMBAS = ("numba.core.caching.InTreeCacheLocator", "numba.core.caching.UserWideCacheLocator")
# error_model: a division by zero is IEEE's, not an exception.
COMPILED: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": False}
INNER = COMPILED | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # called from compiled code alone
config.CACHE_LOCATOR_CLASSES = ",".join([f"{__name__}.ByContent", *_NUMBAS])


class ByContent(_CacheLocator):
    """A folder of the user's cache, or of NUMBA_CACHE_DIR, named by the hash of the sources."""

    def __init__(self, function: Callable[..., Any], file: str) -> None:
        """Take the function to keep and the file that it stands in."""
        self.line = function.__code__.co_firstlineno
        self._py_file = file  # Numba names it in a warning
        contents = [source.read_bytes() for source in sorted(ROOM.glob("*.py"))]
        self.key = hashlib.sha256(b"\0".join([*contents, str(config.OPT).encode()])).hexdigest()

    def get_cache_path(self) -> str:
        """Return the folder."""
        home = config.CACHE_DIR or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "charloom"
        return str(Path(home) / self.key[:16])

    def get_source_stamp(self) -> str:
        """Return what an entry has to agree in."""
        return self.key

    def get_disambiguator(self) -> str:
        """Return what tells functions of one name apart."""
        return str(self.line)

    @classmethod
    def from_function(cls, function: Callable[..., Any], file: str) -> Self | None:
        """Return a locator, or None for other projects' files and where the folder cannot be written."""
        if Path(file).parent != ROOM:
            return None
        locator = cls(function, file)
        try:
            locator.ensure_cache_path()
        except (OSError, RuntimeError):
            return None
        return locator
