"""Provenance of a result: the commit, the machine and versions, and a digest of where and as what it is sent."""

import os
import platform
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from urllib.parse import urlsplit

from llvmlite.binding import get_host_cpu_name

from charloom.core.base.errors import Unavailable
from charloom.core.base.git import git
from charloom.core.base.sources import SOURCES, source_hashes

UNKNOWN = "unknown: "


def commit() -> str:
    """Return the commit on which this folder's files are based: HEAD, or a DVC experiment's baseline commit.

    Returns "" in a repository without a commit. Raises Unavailable if Git fails.
    """
    return os.environ.get("DVC_EXP_BASELINE_REV") or git("rev-parse", "--verify", "--quiet", "HEAD", empty=1)


def or_unknown(question: Callable[[], str]) -> str:
    """Return question(). If it raises Unavailable because Git fails, return `unknown: ` and the reason.

    Use it for records that must not fail.
    """
    try:
        return question()
    except Unavailable as error:
        return f"{UNKNOWN}{error}"


def machine() -> dict[str, str]:
    """Return, by name, the processor for which the kernel is compiled, the system, and versions that matter."""
    return {
        "processor": os.environ.get("NUMBA_CPU_NAME") or get_host_cpu_name(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "numba": version("numba"),
    }


def sender_identity() -> str:
    """Return 16 digits: a digest of the sources, the store's address without its password, and the user's name.

    An entry names the digest of the process that began its record or last requested its delivery. A sender sends the
    entries that name its own digest.
    """
    address = os.environ.get("MLFLOW_TRACKING_URI", "")
    with suppress(ValueError):  # not an address
        parts = urlsplit(address)
        login, _, host = parts.netloc.rpartition("@")
        address = parts._replace(netloc=f"{login.partition(':')[0]}@{host}").geturl()
    state = address, os.environ.get("MLFLOW_TRACKING_USERNAME", ""), source_hashes(SOURCES)
    return sha256(repr(state).encode()).hexdigest()[:16]
