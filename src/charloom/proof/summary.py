"""`charloom summary`: what a pull request changes and what came of it, for a reader who does not know the project.

To what dvc_summary says of any DVC project it adds what this one knows: where the results were made again, whether
the change is better and how sure that is, and what the models write.
"""

import argparse
import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import BaseModel, ValidationError

from charloom.base.errors import WrongInput
from charloom.proof.better import better, side
from charloom.proof.dvc_command import cache
from charloom.proof.outputs import outputs
from charloom.proof.samples_beside import samples_beside
from charloom.proof.verify import SAME
from charloom.results.git import ensure_repository
from dvc_summary import sections
from dvc_summary.facts import Facts, facts_of
from dvc_summary.git import Refused
from dvc_summary.locks import makers_of
from dvc_summary.markdown import code, limited, plural, table, verdict
from dvc_summary.pictures import curves


class Machine(BaseModel):
    """Where `charloom verify` ran."""

    system: str
    processor: str
    python: str


class Report(BaseModel):
    """What `charloom verify --json` says, as far as it is shown here."""

    commit: str
    last: str
    quick: bool
    grade: str | None
    causes: list[str]
    machine: Machine


def summary(arguments: argparse.Namespace) -> None:
    """Print the summary of HEAD beside the base. Raises WrongInput where there is no such commit, or no such file."""
    ensure_repository()
    # By what they say: a statement that is given twice is of one machine.
    reports = list(dict(_verified(Path(each)) for each in arguments.verified).values())
    with ThreadPoolExecutor() as pool, tempfile.TemporaryDirectory(prefix="charloom-summary-") as folder:
        kept = pool.submit(cache)
        try:
            facts = facts_of(arguments.base)
        except Refused as refused:
            raise WrongInput(str(refused)) from None
        before, after = side(facts.base, Path(folder) / "before"), side(facts.head, Path(folder) / "after")
        path = {each.key: each.path for each in outputs(after.project)}
        said, answer = better(before, after)
        if not _of_what_is_committed(facts, path.get("metrics/train")):
            said, answer = "not known: no <code>dvc.lock</code> says that the results are of what is committed.", []
        elif facts.uncommitted:
            said, answer = "not known before all is committed: DVC looks at the files here, not at HEAD's.", []
        again, rows = _again(reports, facts.head)
        blocks = [
            verdict(Better=said, Changed=sections.changed(facts), Results=sections.parted(facts), Made_again=again),
            *sections.warnings(facts),
            *rows,
            *sections.changes(facts),
            *sections.results(facts),
            *answer,
            *curves(facts),
            *samples_beside(facts, Path(path.get("reports/sample_table", "")), kept.result()),
            sections.foot(facts),
        ]
    print(limited(blocks))


def _verified(file: Path) -> tuple[str, Report]:
    """Return all that the file says, and what is shown of it. Raises WrongInput if `verify --json` prints no such."""
    try:
        found = Report.model_validate_json(content := file.read_bytes())
    except OSError as error:
        raise WrongInput(f"--verified: {file}: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        what = ": ".join([*map(str, first["loc"]), first["msg"]])
        raise WrongInput(f"--verified: {file}: {what}; `charloom verify --json` prints such a file") from None
    if found.quick:
        raise WrongInput(f"--verified: {file}: of --quick, which makes no result again; `charloom verify --json` does")
    return json.dumps(json.loads(content), sort_keys=True), found


def _of_what_is_committed(facts: Facts, metrics: str | None) -> bool:
    """Return whether dvc.lock says that the metrics were made of what HEAD holds: no stage up to theirs is stale."""
    names, maker = list(facts.after), makers_of(facts.after).get(metrics or "")
    return maker is not None and facts.stale.keys().isdisjoint(names[: names.index(maker) + 1])


def _again(reports: list[Report], head: str) -> tuple[str, list[str]]:
    """Return in a sentence where HEAD's results were made again, and the blocks about it, a row for each machine."""
    same = [each.last == SAME for each in reports if each.commit == head]
    sentence = f"bit for bit, on {plural(len(same), 'machine')}." if same else ""
    if not all(same):
        sentence = f"⚠️ <b>not</b> bit for bit on {same.count(False)} of {plural(len(same), 'machine')}."
    rows = [_row(each, head) for each in sorted(reports, key=lambda each: tuple(each.machine.model_dump().values()))]
    said = 5 if any(row[-1] for row in rows) else 4  # a column without a word is left out
    columns = ("system", "processor", "Python", "result", "what differs, and why")[:said]
    return sentence, ["### What reproduced", table(columns, (row[:said] for row in rows))] if rows else []


def _row(each: Report, head: str) -> list[str]:
    """Return the cells: the machine, how it ended there, and what that may come from."""
    same = each.last == SAME
    why = [] if same else [code(each.last), *(code(cause, 400) for cause in each.causes)]
    why += [f"of another commit: {code(each.commit[:10])}"] if each.commit != head else []
    result = sections.SAME if same else f"⚠️ {code(each.grade or 'other')}"
    return [*map(code, (each.machine.system, each.machine.processor, each.machine.python)), result, "<br>".join(why)]
