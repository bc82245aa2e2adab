"""Verify HEAD of a DVC project: rebuild its results from nothing, compare them, and explain differences."""

import posixpath
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from dvc_proof.differences import SAME, Row, difference, last_line
from dvc_proof.facts import compared, dvc
from dvc_proof.git import Refused, git, uncommitted
from dvc_proof.lock import NO_STAGE, within
from dvc_proof.rebuild import Failed, checked_out, keep_sources_alone, outward_link, run_stages
from dvc_proof.sections import UNEXPLAINED
from dvc_proof.stages import Pipeline, pipeline_in
from dvc_proof.temporary import temporary_folder
from dvc_proof.words import listed

FETCHING_MAY_TAKE = 3600  # seconds for the data of one path
SHOWN = 8  # digits of a hash


class Verified(NamedTuple):
    """The result of a verification: HEAD's hash, the compared files, and sentences that explain differences."""

    commit: str
    rows: list[Row]
    causes: list[str]

    @property
    def last(self) -> str:
        """Return the last line of the output."""
        return last_line(self.rows)


def verify(say: Callable[[object], None], twice: bool = False) -> Verified:
    """Verify HEAD and return the result. `say` is called with each Row, and with lines about progress.

    twice  whether every stage runs in two clones; an output that differs between the two is named

    Raises Refused if Git or DVC cannot read HEAD, or a path or a link leads out of the project.
    """
    commit = git("rev-parse", "--verify", "HEAD")
    if uncommitted():
        say("uncommitted changes are not checked: only HEAD is")
    with temporary_folder("dvc-verify-") as folder:
        place = folder.resolve()
        committed = checked_out(place / "committed", commit)
        if link := outward_link(place / "committed"):
            raise Refused(f"{link}: a link that leads out of the repository")
        before, rows = pipeline_in(committed), list[Row]()
        if not before.stages:
            raise Refused("HEAD has no stage in this folder or below: nothing can be rebuilt")

        def add(more: Iterable[Row]) -> bool:
            """Report and store the rows; return whether no row so far has a difference."""
            for row in more:
                say(row)
                rows.append(row)
            return last_line(rows) == SAME

        if not add([*_refused(before), *_fetched(committed, before, commit)]):
            return Verified(commit, rows, [])
        runs = list[Pipeline]()
        for name in ("rebuilt", "again")[: 1 + twice]:
            shutil.copytree(place / "committed", place / name, symlinks=True)
            root = place / name / committed.relative_to(place / "committed")
            try:
                locks = [posixpath.join(posixpath.dirname(file), "dvc.lock") for file in before.files]
                keep_sources_alone(root, [*(out for stage in before.stages.values() for out in stage.outs), *locks])
                run_stages(root, ["--all-pipelines"], say, lambda _: None)
                runs.append(pipeline_in(root))
            except Failed as failed:
                sys.stderr.write(failed.printed)
                add([Row(failed.stage, "it failed", "its output is on standard error")])
                return Verified(commit, rows, list(_causes(before, before, None)))
        first, *second = runs
        add(_compared(committed, before, place / "rebuilt" / committed.relative_to(place / "committed"), first))
        unstable = [
            (change.name, out)
            for other in second
            for change in compared(first.stages, other.stages)
            for out in change.outs
        ]
        add(Row(stage, out, "two runs here differ") for stage, out in unstable)
        return Verified(commit, rows, list(_causes(before, first, {stage for stage, _ in unstable} if twice else None)))


def _refused(pipeline: Pipeline) -> Iterator[Row]:
    """Yield a row for each result of a clone that no stage rebuilds."""
    outputs = {out: (name, digest) for name, stage in pipeline.stages.items() for out, digest in stage.outs.items()}
    for name in pipeline.frozen:
        yield Row(name, "dvc.yaml", "it is frozen, and DVC does not run it")
    for out, (name, digest) in outputs.items():
        if not digest:
            yield Row(name, out, "dvc.lock has no hash of it; `dvc repro` writes it")
    for path in pipeline.shown:
        if not any(within(path, out) for out in outputs):
            yield Row("dvc.yaml", path, "no stage makes it")


def _fetched(root: Path, pipeline: Pipeline, commit: str) -> Iterator[Row]:
    """Fetch the data that DVC tracks into a clone of the commit; yield a row for each path."""
    top, place = git("rev-parse", "--show-toplevel"), git("rev-parse", "--show-prefix")
    for path, file in pipeline.tracked.items():
        complaint = ""
        if not (root / path).exists():
            get = ("get", top, f"{place}{path}", "--rev", commit, "--out", path)
            complaint = dvc(get, FETCHING_MAY_TAKE, root, "unlimited")[1]
        status, failed = dvc(("status", "--json", file), FETCHING_MAY_TAKE, root, "unlimited")
        outs = [entry.get("changed outs", {}) for entries in status.values() for entry in entries]
        changed = any("modified" in own.values() for own in outs)  # "not in cache" means that the hash is right
        what = complaint or failed or ("its content is not that of its .dvc file" if changed else "")
        yield Row("data, not rebuilt", path, what)


def _compared(committed: Path, before: Pipeline, rebuilt: Path, after: Pipeline) -> Iterator[Row]:
    """Yield a row for each output, and one for each stage whose inputs are others than its dvc.lock says."""
    names = git("ls-files", "-z", folder=committed).split("\0")[:-1]
    for name, stage in before.stages.items():
        new = after.stages.get(name, NO_STAGE)
        for out, digest in stage.outs.items():
            mine = [path for path in names if within(path, out)]
            one, other = ({p: (r / p).read_bytes() for p in mine if (r / p).is_file()} for r in (committed, rebuilt))
            now = new.outs.get(out, "")
            hashes = f"dvc.lock has {digest[:SHOWN]}…, rebuilt {now[:SHOWN] or 'nothing'}…" if digest != now else ""
            yield Row(name, out, difference(one, other) or hashes)
    for change in compared(before.stages, after.stages):
        if change.inputs:
            yield Row(change.name, "dvc.lock", f"it was written with other values of {listed(change.inputs)}")


def _causes(before: Pipeline, after: Pipeline, unstable: set[str] | None) -> Iterator[str]:
    """Yield a sentence for each stage whose outputs differ. `unstable` are stages whose outputs differ in two runs."""
    for change in compared(before.stages, after.stages):
        if change.outs and change.inputs:
            yield f"{change.name}: {listed(change.inputs)} changed after dvc.lock was written"
        elif change.outs and change.earlier:
            yield f"{change.name}: it reads the outputs of {listed(change.earlier.values())}"
        elif change.outs and unstable is not None and change.name not in unstable:
            yield f"{change.name}: two runs here agree, so dvc.lock is of another machine, library or program"
        elif change.outs:
            yield f"{change.name}: {UNEXPLAINED}"
