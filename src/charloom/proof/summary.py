"""`charloom summary`: what a pull request changes and what came of it, for a reader who does not know the project.

To what dvc_summary.py says of any DVC project it adds what this one knows: where the results were made again, whether
the change is better and how sure that is, and what the models write.
"""

import tempfile
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, suppress
from pathlib import Path

from pydantic import BaseModel, ValidationError

from charloom.base.errors import WrongInput
from charloom.proof import dvc_summary as dvc
from charloom.proof.better import better
from charloom.proof.dvc_command import cache
from charloom.proof.dvc_summary import code, paragraph, table
from charloom.proof.outputs import outputs
from charloom.proof.samples_beside import samples_beside
from charloom.proof.sides import side
from charloom.proof.verify import SAME
from charloom.results.git import ensure_repository
from charloom.settings.pipeline import files


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


def summary(base: str, verified: Iterable[str]) -> None:
    """Print the summary of HEAD beside the base. Raises WrongInput where there is no such commit, or no such file."""
    ensure_repository()
    machines = [_verified(Path(each)) for each in verified]
    with ThreadPoolExecutor() as pool, tempfile.TemporaryDirectory(prefix="charloom-summary-") as folder:
        kept = pool.submit(cache)
        try:
            facts = dvc.facts_of(base)
        except dvc.Refused as refused:
            raise WrongInput(str(refused)) from None
        before, after = side(facts.base, Path(folder) / "before"), side(facts.head, Path(folder) / "after")
        varying = [out.path for out in outputs(after.folder) if out.varies]
        facts = facts._replace(before=_without(facts.before, varying), after=_without(facts.after, varying))
        said, answer = better(before, after)
        if not _of_what_is_committed(facts, str(_path(after.folder, "train", "metrics/train"))):
            said = "not known: no <code>dvc.lock</code> says that the results are of what is committed."
        samples = _path(after.folder, "sample", "reports/sample_table")
        blocks = [
            dvc.verdict(
                Changed=dvc.changed(facts),
                Results=dvc.parted(facts),
                Better=said,
                Made_again=_again(machines, facts.head),
            ),
            *dvc.warnings(facts),
            *_reproduced(machines, facts.head),
            *dvc.changes(facts),
            *dvc.results(facts),
            paragraph(f"Not compared, as they are a processor's or a library's own: {dvc.listed(varying)}."),
            *answer,
            *dvc.curves(facts),
            *samples_beside(facts, samples, kept.result()),
            dvc.foot(facts),
        ]
    print(dvc.limited(blocks))


def _verified(file: Path) -> Report:
    """Return what the file says. Raises WrongInput where it is not what `charloom verify --json` prints."""
    try:
        found = Report.model_validate_json(file.read_bytes())
    except OSError as error:
        raise WrongInput(f"--verified: {file}: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        what = ": ".join(filter(None, [".".join(map(str, first["loc"])), first["msg"]]))
        raise WrongInput(f"--verified: {file}: {what}; `charloom verify --json` prints such a file") from None
    if found.quick:
        raise WrongInput(f"--verified: {file}: of --quick, which makes no result again; `charloom verify --json` does")
    return found


def _path(folder: Path, stage: str, key: str) -> Path:
    """Return the path that dvc.yaml of the folder has for a file of the stage; an empty one where it has none."""
    with chdir(folder), suppress(WrongInput, LookupError):
        return files(stage)[key]
    return Path()


def _of_what_is_committed(facts: dvc.Facts, metrics: str) -> bool:
    """Return whether dvc.lock says that the metrics were made of what HEAD holds: no stage up to theirs is stale."""
    names, maker = list(facts.after), dvc.makers_of(facts.after).get(metrics)
    return maker is not None and facts.stale.keys().isdisjoint(names[: names.index(maker) + 1])


def _without(stages: dvc.Stages, varying: Collection[str]) -> dvc.Stages:
    """Return the stages without the files that are not the same bits everywhere, which say nothing of a change."""
    return {
        name: stage._replace(
            deps={path: digest for path, digest in stage.deps.items() if path not in varying},
            outs={path: digest for path, digest in stage.outs.items() if path not in varying},
        )
        for name, stage in stages.items()
    }


def _again(reports: list[Report], head: str) -> str:
    """Return in a sentence where the committed results were made again."""
    ours = [each for each in reports if each.commit == head]
    same = sum(each.last == SAME for each in ours)
    if same == len(ours):
        return f"bit for bit, on {dvc.plural(same, 'machine')}." if ours else ""
    return f"⚠️ <b>not</b> bit for bit on {len(ours) - same} of {dvc.plural(len(ours), 'machine')}."


def _reproduced(machines: list[Report], head: str) -> Iterator[str]:
    """Yield the blocks about it, a row for each machine."""
    if machines:
        rows = [
            [*map(code, (each.machine.system, each.machine.processor, each.machine.python)), *_result(each, head)]
            for each in sorted(machines, key=lambda each: tuple(each.machine.model_dump().values()))
        ]
        yield "### What reproduced"
        said = 5 if any(row[-1] for row in rows) else 4  # a column without a word is left out
        yield table(
            ("system", "processor", "Python", "result", "what differs, and why")[:said], (row[:said] for row in rows)
        )


def _result(each: Report, head: str) -> list[str]:
    """Return the cells that say how it ended, and what it may come from."""
    other = [f"of another commit: {code(each.commit[:10])}"] if each.commit != head else []
    if each.last == SAME:
        return [dvc.SAME, "<br>".join(other)]
    return [
        f"⚠️ {code(each.grade or 'other')}",
        "<br>".join([code(each.last), *(code(c, 400) for c in each.causes), *other]),
    ]
