"""Packages whose sources people edit, and the stages that depend on each."""

from types import ModuleType

from projects import ALL_STAGES as ALL
from projects import source

from charloom import checking, commands, pages, sampling, study_pages, tracking, two_runs
from charloom.core import base, config, kernel

REACHED: dict[ModuleType, tuple[str, ...]] = {
    **dict.fromkeys((base, config, kernel), ALL),
    **dict.fromkeys((commands, study_pages, two_runs), ()),
    pages: ("plot",),
    tracking: ("track",),
    sampling: ("sample", "track"),
    checking: ("gradcheck",),
}
EDITS = {source(package): stages for package, stages in REACHED.items()} | {"README.md": ()}
