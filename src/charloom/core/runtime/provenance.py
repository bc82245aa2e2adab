"""Provenance of a result: the commit, the machine and versions, and the identity of the sender that delivers it."""

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
    """Call `question` and return its result. If it raises Unavailable, return `unknown: ` and the reason.

    This is for records that must be written even if Git fails.
    """
    try:
        return question()
    except Unavailable as error:
        return f"{UNKNOWN}{error}"


def machine() -> dict[str, str]:
    """Return, by name, the processor for which Numba compiles, the system, and the versions of Python and libraries."""
    return {
        "processor": os.environ.get("NUMBA_CPU_NAME") or get_host_cpu_name(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "numba": version("numba"),
    }


def sender_identity() -> str:
    """Return the identity of the sender, the process that sends this project's runs to MLflow: 16 hexadecimal digits.

    It is a digest of the sources, of MLflow's address without its password, and of the user's name in MLflow. The
    record of a run names the identity, computed when a process began the record or last requested the delivery of the
    record. A sender sends the records that name its own identity: see tracking/spool.py.
    """
    address = os.environ.get("MLFLOW_TRACKING_URI", "")
    with suppress(ValueError):  # not an address
        parts = urlsplit(address)
        login, _, host = parts.netloc.rpartition("@")
        address = parts._replace(netloc=f"{login.partition(':')[0]}@{host}").geturl()
    state = address, os.environ.get("MLFLOW_TRACKING_USERNAME", ""), source_hashes(SOURCES)
    return sha256(repr(state).encode()).hexdigest()[:16]
