"""Provenance: the machine and versions that made a result, and a name of the process that is making one."""

import os
import platform
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import psutil
from llvmlite.binding import get_host_cpu_name


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
