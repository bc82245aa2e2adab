"""Twelve edits that people make, and the stages that depend on the edited file."""

from typing import NamedTuple

from projects import ALL_STAGES as ALL
from projects import Project


class Edit(NamedTuple):
    """Text in a file, what is written instead, and the stages that depend on the file."""

    file: str
    old: str
    new: str
    reached: tuple[str, ...]


EDITS = {
    "a title": Edit("src/charloom/pages/experiment/loss.py", 'f"smooth loss (', 'f"the smooth loss (', ("plot",)),
    "the MLflow room": Edit("src/charloom/tracking/__init__.py", '"""', '"""Now: ', ("track",)),
    "the command line": Edit("src/charloom/commands/cli.py", '"""Train', '"""All, Train', ()),
    "sampling": Edit("src/charloom/sampling/quality.py", '"""The quality', '"""A quality', ("sample", "track")),
    "a comment in the kernel": Edit("src/charloom/core/kernel/update.py", '"""', '"""So: ', ALL),
    "a param's range": Edit(
        "src/charloom/core/settings/params.py", "Field(ge=1, le=2**53)", "Field(ge=1, le=2**52)", ALL
    ),
    "a docstring in base": Edit("src/charloom/core/base/terminal.py", '"""Escaping', '"""The escaping', ALL),
    "the summary": Edit("src/dvc_summary/sections.py", '"""The', '"""All', ()),
    "the outbox": Edit("src/charloom/tracking/spool.py", '"""The spool', '"""A spool', ("track",)),
    "the statistics": Edit("src/paired/rule.py", '"""', '"""Now: ', ()),
    "the gradient check": Edit("src/charloom/checking/check.py", '"""', '"""Now: ', ("gradcheck",)),
    "the README": Edit("README.md", "a test", "another test", ()),
}


def apply(project: Project, what: str) -> None:
    """Make the edit, once, in the project."""
    file, old, new, _ = EDITS[what]
    project.edit(file, old, new, 1)
