"""Which machine and which versions make a result, and which process is at it."""

import os
import platform
from importlib.metadata import version

import psutil
from llvmlite.binding import get_host_cpu_name


def machine() -> dict[str, str]:
    """Return the processor that the kernel is compiled for, the system, and the versions a bit could hang on."""
    return {
        "processor": os.environ.get("NUMBA_CPU_NAME") or get_host_cpu_name(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "numba": version("numba"),
    }


def process() -> str:
    """Return what names this process among all that ever ran here: host, pid, and when it started."""
    return f"{platform.node()} {os.getpid()} {_started(os.getpid())}"


def _started(pid: int) -> float:
    """Return how many seconds after the machine the process started: a clock that is set does not change that."""
    return float(psutil.Process(pid).create_time() - psutil.boot_time())


def gone(names: str) -> bool:
    """Return whether all processes of this host, named by `process`, have ended; of another host nothing is known."""
    return all(_gone(name) for name in names.split(", "))


def _gone(name: str) -> bool:
    try:
        host, pid, started = name.split(" ")
        if host != platform.node():
            return False
        dead = psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE  # its parent has not asked for it yet
        return dead or abs(_started(int(pid)) - float(started)) > 1
    except psutil.NoSuchProcess:
        return True
    except (ValueError, psutil.Error):
        return False
