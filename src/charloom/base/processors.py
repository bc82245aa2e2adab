"""How many threads a training may have: what the environment says, or the processors that this process may use."""

import os
from collections.abc import Iterator
from contextlib import suppress
from math import ceil
from pathlib import Path

from charloom.base.errors import WrongInput

NAME = "CHARLOOM_THREADS"
QUOTED = 100  # characters, at most, of what is not allowed


def processors() -> int:
    """Return CHARLOOM_THREADS, else the processors that this process may use. Of control groups version 2 counts.

    Raises WrongInput where it is no such number.
    """
    if said := os.environ.get(NAME):
        if not (len(said) <= len("1024") and said.isascii() and said.isdigit() and 1 <= int(said) <= 1024):
            raise WrongInput(f"{NAME}: {said[:QUOTED]} is not allowed, it has to be a whole number from 1 to 1024")
        return int(said)
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = []
    for line in of_groups("cpu.max"):
        quota, _, period = line.partition(" ")
        with suppress(ValueError):  # `max`
            quotas.append(max(1, ceil(int(quota) / int(period))))
    return min([own, *quotas])


def of_groups(
    name: str, controller: str = "", groups: Path = Path("/proc/self/cgroup"), top: Path = Path("/sys/fs/cgroup")
) -> Iterator[str]:
    """Yield what that file says in each control group that this process is in: a container's, or a batch system's."""
    lines = groups.read_text(encoding="utf-8").splitlines() if groups.exists() else []  # Linux alone has it
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == controller:  # "" is version 2
            group = top / controllers / path.lstrip("/")
            for folder in (group, *group.parents):
                with suppress(OSError):  # no such file in this folder
                    yield (folder / name).read_text(encoding="ascii").strip()
