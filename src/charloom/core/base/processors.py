"""The number of threads for a training: the environment variable CHARLOOM_THREADS, or the available processors."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from math import ceil
from pathlib import Path

from charloom.core.base.errors import WrongInput

NAME = "CHARLOOM_THREADS"
MEMBERSHIPS, TOP = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def processors(memberships: Path = MEMBERSHIPS, top: Path = TOP) -> int:
    """Return the variable CHARLOOM_THREADS if it is set, otherwise the number of processors available to this process.

    memberships, top  arguments for `group_values`

    The affinity mask and the CPU quotas of Linux control groups (version 2) limit the number of available processors. A
    fraction of a processor is rounded up. Quotas of version 1 are ignored.

    Raises WrongInput if CHARLOOM_THREADS is not a whole number from 1 to 1024.
    """
    if setting := os.environ.get(NAME):
        if not re.fullmatch("[0-9]{1,4}", setting) or not 1 <= int(setting) <= 1024:
            raise WrongInput(f"{NAME}: {setting[:100]} is not allowed; allowed is a whole number from 1 to 1024")
        return int(setting)
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = []
    for line in group_values("cpu.max", "", memberships, top):
        quota, _, period = line.partition(" ")
        with suppress(ValueError):  # "max": no quota
            quotas.append(max(1, ceil(int(quota) / int(period))))
    return min([available, *quotas])


def group_values(name: str, controller: str = "", memberships: Path = MEMBERSHIPS, top: Path = TOP) -> Iterator[str]:
    """Yield the content of the file `name` in every Linux control group of this process, from the innermost outwards.

    controller   for control groups of version 1, the controller, such as "memory"; "" for version 2
    memberships  the system's file that lists the groups of this process; if it does not exist, nothing is yielded
    top          the folder that contains the folders of all control groups

    Containers and batch systems limit a process by its control group. Groups without the file are skipped.
    """
    lines = memberships.read_text(encoding="utf-8").splitlines() if memberships.exists() else []  # only on Linux
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == controller:  # "" for version 2
            group = top / controllers / path.lstrip("/")
            for folder in (group, *group.parents):
                with suppress(OSError):  # no such file in this folder
                    yield (folder / name).read_text(encoding="ascii").strip()
