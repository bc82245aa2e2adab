"""Provenance of a result: the commit, the machine and versions, a name of the process, a digest of its environment."""

import os
import platform
import re
import sys
import sysconfig
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from llvmlite.binding import get_host_cpu_name

from charloom.core.base.errors import Unavailable
from charloom.core.base.git import git
from charloom.core.base.sources import SOURCES

UNKNOWN = "unknown: "
# Variables that say where, as whom and through what MLflow, its database and its artifacts are reached.
MATTERS = re.compile(
    "MLFLOW_(TRACKING|REGISTRY|WORKSPACE|S3|BOTO|GCS)|AWS_|AZURE_|GOOGLE_|PG[A-Z]+$|GIT_(AUTHOR|CONFIG)|HOME$|NETRC$|"
    "(HTTPS?|ALL|NO)_PROXY$|SSL_CERT_|(REQUESTS|CURL)_CA_BUNDLE$", re.IGNORECASE
)  # fmt: skip


def commit() -> str:
    """Return the commit on which this folder's files are based: HEAD, or a DVC experiment's baseline commit.

    Returns "" in a repository without a commit. Raises Unavailable if Git fails.
    """
    return os.environ.get("DVC_EXP_BASELINE_REV") or git("rev-parse", "--verify", "--quiet", "HEAD", empty=1)


def known(question: Callable[[], str]) -> str:
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


def process() -> str:
    """Return a name of this process that no other process has: three parts, separated by spaces.

    1. boot id and namespace of process numbers, which differ between hosts and between containers. This part is empty
       if the system does not tell them (macOS): then `process_ended` never returns True
    2. process number
    3. start, in seconds after the boot
    """
    return f"{_numbers()} {os.getpid()} {_started(os.getpid())}"


def _numbers() -> str:
    """Return the boot id and the namespace of process numbers as `boot:namespace`, or "" if unknown.

    Within these a process number means one process.
    """
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}:{os.stat('/proc/self/ns/pid').st_ino}"  # noqa: PTH116  the link itself leads nowhere
    return ""


def _started(pid: int) -> float:
    """Return the seconds from the machine's boot to the process's start. Setting the clock does not change them."""
    return float(psutil.Process(pid).create_time() - psutil.boot_time())


def process_ended(name: str) -> bool:
    """Return whether the process with this name, from `process`, has ended. A zombie has ended.

    Return False if this is unknown: for "", for processes of other hosts and containers, for a malformed name, which a
    tag in MLflow may have, and on macOS.
    """
    try:
        numbers, pid, started = name.split(" ")
        if not numbers or numbers != _numbers():
            return False
        dead = psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE  # its parent has not asked for it yet
        return dead or abs(_started(int(pid)) - float(started)) > 1
    except psutil.NoSuchProcess:
        return True
    except (ValueError, psutil.Error):
        return False


def identity() -> str:
    """Return a digest, 16 hexadecimal digits, of this environment: Python, libraries, sources, environment variables.

    An entry names the digest of the environment that began its record or last requested its delivery. A sender sends
    the entries that name its own digest. Only variables that affect sending (MATTERS) count.
    """
    state: list[Any] = sorted(variable for variable in os.environ.items() if MATTERS.match(variable[0]))
    packages = Path(sysconfig.get_path("purelib")).stat().st_mtime_ns  # changes when a package is installed
    state += [(str(path.relative_to(SOURCES)), path.read_bytes()) for path in sorted(SOURCES.rglob("*.py"))]
    return sha256(repr((sys.executable, packages, state)).encode()).hexdigest()[:16]
