"""`charloom summary`: the changes of a pull request and their results, for readers who do not know the project.

dvc_proof reports on any DVC project. This module adds charloom's own facts: on which machines the results were
reproduced, and whether the change is better and how sure that is.
"""

import argparse
import tempfile
from collections.abc import Collection
from pathlib import Path

from charloom.core.base.errors import WrongInput
from charloom.core.base.storage import read_json
from charloom.core.base.words import number_of
from charloom.core.config.pipeline import ensure_repository
from charloom.core.config.records import Schema
from charloom.proof.change_verdict import judge_change, side
from dvc_proof import sections
from dvc_proof.differences import SAME
from dvc_proof.facts import facts_of
from dvc_proof.git import Refused
from dvc_proof.markdown import code, headline, table


class Machine(Schema, extra="ignore"):
    """A machine: the keys of `provenance.machine`. Reports about equal machines count as reports about one machine."""

    processor: str
    system: str
    python: str
    numpy: str
    numba: str


class MachineReport(Schema, extra="ignore"):
    """The keys in the output of `charloom verify --json` that `summary` reads: see verify.VerificationReport."""

    commit: str
    last: str
    agreement: str | None
    causes: tuple[str, ...]
    machine: Machine


def summary(arguments: argparse.Namespace) -> None:
    """Print the summary of HEAD compared with its merge base with --base, in Markdown.

    Raises WrongInput if the base or HEAD cannot be compared, and Damaged if a file of --verified is missing or invalid.
    """
    ensure_repository()
    remedy = "`charloom verify --json` prints such a file"
    reports = dict.fromkeys(read_json(Path(file), MachineReport, remedy) for file in arguments.verified)
    with tempfile.TemporaryDirectory(prefix="charloom-summary-") as folder:
        try:
            facts = facts_of(arguments.base)
        except Refused as refused:
            raise WrongInput(str(refused)) from None
        before, after = side(facts.base, Path(folder) / "before"), side(facts.head, Path(folder) / "after")
        sentence, answer = judge_change(before, after)
        current = set() if facts.stale is None else facts.after.keys() - facts.stale.keys()
        if facts.uncommitted or not current >= {"prepare", "gradcheck", "train"}:
            why = "no <code>dvc.lock</code> shows that the committed files made the results"
            sentence, answer = f"not known: {why}, or there are uncommitted changes.", []
    again, rows = _again(reports, facts.head)
    changed, parted = sections.changed(facts), sections.parted(facts)
    first = headline(Better=sentence, Changed=changed, Results=parted, Reproduced=again)
    print(sections.summary(facts, first, rows, answer))


def _again(reports: Collection[MachineReport], head: str) -> tuple[str, list[str]]:
    """Return a sentence on how many machines reproduced HEAD's results, and blocks with a row for each report.

    Reports about another commit than `head` do not count in the sentence, which is "" if none counts.
    """
    about_head = [report for report in reports if report.commit == head]
    machines = number_of(len({report.machine for report in about_head}), "machine")
    sentence = f"bit for bit, on {machines}." if about_head else ""
    if others := {report.machine for report in about_head if report.last != SAME}:
        sentence = f"⚠️ <b>not</b> bit for bit on {len(others)} of {machines}."
    rows = sorted(_row(report, head) for report in reports)
    columns = ("system", "processor", "Python", "result", "what differs, and why")
    return sentence, ["### Reproduction", table(columns, rows)] if rows else []


def _row(report: MachineReport, head: str) -> list[str]:
    """Return five cells as HTML: the machine (three cells), the result, the first difference and its causes."""
    same = report.last == SAME
    why = [] if same else [code(report.last), *(code(cause, 400) for cause in report.causes)]
    why += [f"report about another commit: {code(report.commit[:10])}"] if report.commit != head else []
    result = sections.SAME if same else f"⚠️ {code(report.agreement or 'other')}"
    machine = report.machine
    return [*map(code, (machine.system, machine.processor, machine.python)), result, "<br>".join(why)]
