"""Which machine and which versions make a result, and which process is at it."""

import os
import platform
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

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
    """Return the name of this process: its kernel's boot and its namespace of process numbers; number; start.

    Two hosts, or two containers, never share the first part, whatever they are called. It is empty if the system does
    not tell it (macOS): then no process counts as ended.
    """
    return f"{_numbers()} {os.getpid()} {_started(os.getpid())}"


def _numbers() -> str:
    """Return the name of the space in which a process number means one process, or "" if unknown."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}:{os.stat('/proc/self/ns/pid').st_ino}"  # noqa: PTH116  the link itself leads nowhere
    return ""


def _started(pid: int) -> float:
    """Return how many seconds after the machine the process started: a clock that is set does not change that."""
    return float(psutil.Process(pid).create_time() - psutil.boot_time())


def process_ended(name: str) -> bool:
    """Return whether the process with this name, from `process`, has ended. Return False if that is unknown."""
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
