"""Verify a commit of a DVC project: rebuild its results from nothing, compare them, and explain differences."""

import re
import shutil
import sys
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from dvc_proof.causes import edits, find_conflicts
from dvc_proof.data import (
    SHOWN,
    contents,
    describe_size,
    difference_to_hash,
    digest,
    fetched,
    folder_files,
    hashes,
    line_ends,
    project_folder,
)
from dvc_proof.differences import DIFFERENT, SAME, UNKNOWN, OutputDifference, describe_difference
from dvc_proof.facts import compare_outputs
from dvc_proof.git import Refused, git, uncommitted
from dvc_proof.lock import NO_STAGE, Stage, Stages, makers_of
from dvc_proof.rebuild import Rebuilt, Say, checked_out, outward_link, rebuild
from dvc_proof.stages import Pipeline, pipeline_in
from dvc_proof.words import number_of

DATA = "data, not rebuilt"  # stands for a stage in the rows of data files
LINE_ENDS = re.compile(r"only the line ends differ( \(stages: .*\))?$")
LATER = "a later stage overwrites what this stage makes"
SUBMODULE = "160000"  # Git's mode for a submodule


class VerificationReport(NamedTuple):
    """The result of a verification.

    commit     hash of the verified commit
    rows       the compared files
    causes     sentences that explain differences
    committed  the project's folder in a clone of the commit
    rebuilt    the project's folder in the clone in which the stages have run
    """

    commit: str
    rows: list[OutputDifference]
    causes: list[str]
    committed: Path
    rebuilt: Path

    def count(self, verdict: str) -> int:
        """Return the number of stages and data files with this verdict. A stage has the worst verdict of its rows."""
        verdicts = dict[tuple[str, str], set[str]]()
        for row in self.rows:
            verdicts.setdefault((row.stage, row.file if row.stage == DATA else ""), set()).add(row.result)
        worst = [next(name for name in (DIFFERENT, UNKNOWN, SAME) if name in own) for own in verdicts.values()]
        return worst.count(verdict)

    @property
    def last(self) -> str:
        """Return the last line of the output: `3 same, 1 different, 0 not verified`."""
        return ", ".join(f"{self.count(verdict)} {verdict}" for verdict in (SAME, DIFFERENT, UNKNOWN))

    @property
    def code(self) -> int:
        """Return the exit code: 0 if all is the same, 1 if something differs, 2 if something was only not verified."""
        return 1 if self.count(DIFFERENT) else 2 if self.count(UNKNOWN) else 0


def verify(
    place: Path, say: Say, ref: str = "HEAD", targets: Collection[str] = (), *, heard: Say = lambda _: None,
    twice: bool = False, seconds: float | None = None, without: Collection[str] = (), **variables: str,
) -> VerificationReport:  # fmt: skip
    """Verify a commit in a temporary folder, and return the result.

    say        called with each row (OutputDifference), and with lines about progress
    targets    names of the stages to rebuild, with the stages that they need; (): all stages
    heard      called with the other lines that the stages print
    twice      whether every stage runs in two clones; an output that differs between the two is named
    seconds    time limit for fetching data, and again for all stages of a clone; None: no limit for stages
    without    further paths that the clone must not have
    variables  environment variables for the stages

    Raises Refused if Git or DVC cannot read the commit, or a path or a link leads out of the project.
    """
    options = [] if ref == "HEAD" else ["--end-of-options"]  # a branch may have the name HEAD, and does not count
    commit = git("rev-parse", "--verify", *options, f"{ref}^{{commit}}")
    if ref == "HEAD" and uncommitted():
        say("uncommitted changes are not checked: only HEAD is")
    committed = checked_out(place / "committed", commit)
    if link := outward_link(place / "committed"):
        raise Refused(f"{link}: a link that leads out of the repository")
    pipeline, rows = pipeline_in(committed), list[OutputDifference]()
    if not (pipeline.stages or pipeline.locked or pipeline.tracked):
        raise Refused("HEAD has no stage and no data in this folder or below: nothing can be verified")

    def add(more: Iterable[OutputDifference]) -> None:
        for row in more:  # other line ends are Windows's, and accuse nobody
            rows.append(row._replace(verdict=UNKNOWN) if LINE_ENDS.search(row.what) else row)
            say(rows[-1])

    outs = {out: stage for stage in pipeline.stages.values() for out in stage.outs}
    data = {path: stage for stage in pipeline.tracked.values() for path in stage.outs}
    complaints = fetched(committed, [*data, *(out for out, stage in outs.items() if stage.frozen)], seconds)
    if not targets:
        add([*_data(committed, data, complaints), *_others(committed, pipeline)])
    # A stage without outputs has nothing to compare, and may publish something.
    stages = {name: stage for name, stage in pipeline.stages.items() if stage.outs}
    names = [name for name in targets or stages if not stages[name].frozen]
    author = git("log", "-1", "--format=%an", commit)
    say(f"running the commands of {number_of(len(names), 'stage')} of {author}'s commit {commit[:SHOWN]}, as your user")
    runs = list[Rebuilt]()
    for name in ("rebuilt", "again")[: 1 + twice]:
        shutil.copytree(place / "committed", place / name, symlinks=True)
        root = place / name / committed.relative_to(place / "committed")
        ran = rebuild(root, pipeline, names, say, heard, variables, without, seconds)
        sys.stderr.write("" if ran.passed else ran.printed)
        runs.append(ran._replace(stages=_aligned(root, pipeline.locked, ran.stages)))
    root, ran, after = place / "rebuilt" / committed.relative_to(place / "committed"), runs[0], runs[0].stages
    for name in dict.fromkeys([*targets, *after]) if targets else stages:
        add(_stage(name, pipeline, after, committed, root) if name in after else [])
        add([] if name in after else _not_rebuilt(name, pipeline, committed, {*complaints}, ran))
    add([] if targets else _shown(committed, root, pipeline.shown))
    deps = [(path, recorded) for stage in pipeline.locked.values() for path, recorded in stage.deps.items()]
    notes = {path: line_ends(committed, path, recorded) for path, recorded in deps}
    conflicts = find_conflicts(pipeline.locked, after | _not_run(committed, pipeline, after), notes)
    add(OutputDifference(readers[0], "dvc.lock", sentence) for sentence, readers in conflicts.items())
    changes = [change for other in runs[1:] for change in compare_outputs(after, other.stages)]
    unstable = [(change.name, out) for change in changes for out in change.outs]
    add(OutputDifference(name, out, "two runs here differ") for name, out in unstable)
    known = {out: digest(committed, out) for out in outs}
    causes = [*conflicts, *edits(pipeline.locked, after, known, twice and not unstable)]
    return VerificationReport(commit, rows, causes, committed, root)


def _data(root: Path, data: Mapping[str, Stage], complaints: Mapping[str, str]) -> Iterator[OutputDifference]:
    """Yield a row for each file or folder that DVC tracks: its content compared with the hash in its .dvc file."""
    for path, file in data.items():
        if path in complaints:
            yield OutputDifference(DATA, path, f"it cannot be had: {complaints[path]}", UNKNOWN)
        elif "None" in file.outs[path] or file.outs[path].startswith("{"):
            yield OutputDifference(DATA, path, "its .dvc file has no hash", UNKNOWN)
        else:
            what = difference_to_hash(root, path, file.outs[path], file.entries[path])
            yield OutputDifference(DATA, path, what and f"it is not the data of its .dvc file: {what}")


def _others(root: Path, pipeline: Pipeline) -> Iterator[OutputDifference]:
    """Yield a row for each stage or output that only a dvc.lock has, and for each dvc.yaml in a submodule."""
    for name, stage in pipeline.locked.items():
        if name not in pipeline.stages:
            yield OutputDifference(
                name, "dvc.lock", "dvc.yaml has no such stage, so nothing makes its outputs", UNKNOWN
            )
        for out in stage.outs.keys() - {*pipeline.stages[name].outs} if name in pipeline.stages else ():
            yield OutputDifference(name, out, "dvc.lock has it, and dvc.yaml does not name it")
    top = Path(git("rev-parse", "--show-toplevel"))
    for entry in git("ls-files", "-z", "--stage", folder=root).split("\0")[:-1]:
        mode, path = entry.split(" ")[0], entry.partition("\t")[2]
        place = top / git("rev-parse", "--show-prefix") / path
        # DVC skips a submodule that is a DVC repository itself.
        if mode == SUBMODULE and not (place / ".dvc").exists() and [*place.rglob("dvc.yaml")]:
            yield OutputDifference(path, "dvc.yaml", "a submodule, which verification does not clone", UNKNOWN)


def _stage(name: str, pipeline: Pipeline, after: Stages, committed: Path, rebuilt: Path) -> Iterator[OutputDifference]:
    """Yield a row for each output of a rebuilt stage: its content or hash compared with Git's file and dvc.lock."""
    old, new = pipeline.locked.get(name, NO_STAGE), after[name]
    for out in pipeline.stages[name].outs:
        locked, relocked, entry = old.outs.get(out, ""), new.outs.get(out, ""), old.entries.get(out, {})
        one = contents(committed, out)
        if out in pipeline.stages[name].in_git and not (committed / out).exists():  # a link may lead nowhere
            yield OutputDifference(
                name, out, "it is not committed", DIFFERENT if (committed / out).is_symlink() else UNKNOWN
            )
            continue
        differs = one and describe_difference(one, contents(rebuilt, out))
        if differs or locked == relocked:
            later = (
                ""
                if digest(rebuilt, out) == new.outs.get(out) or not difference_to_hash(rebuilt, out, locked, entry)
                else LATER
            )
            yield OutputDifference(name, out, differs or later or describe_size(entry, new.entries[out]))
        elif not locked:
            yield OutputDifference(name, out, "dvc.lock has no hash of it; `dvc repro` writes it", UNKNOWN)
        elif relocked and difference_to_hash(rebuilt, out, relocked, new.entries[out]):
            yield OutputDifference(name, out, LATER)
        else:
            what = f"dvc.lock has {locked[:SHOWN]}…, rebuilt {relocked[:SHOWN] or 'nothing'}…"
            files = folder_files(project_folder(), locked, hashes(rebuilt, out))
            yield OutputDifference(name, out, what + line_ends(rebuilt, out, locked) + files)


def _not_rebuilt(
    name: str, pipeline: Pipeline, root: Path, missing: Container[str], ran: Rebuilt
) -> Iterator[OutputDifference]:
    """Yield a row with the reason why a stage has no results, and one for each committed output unlike its dvc.lock.

    root     the project's folder in a clone of the commit
    missing  paths of data that could not be fetched
    """
    stage, old, makers = pipeline.stages[name], pipeline.locked.get(name, NO_STAGE), makers_of(pipeline.locked)
    absent = (dep for dep in stage.deps if "://" not in dep and dep not in makers and not (root / dep).exists())
    dep = next((dep for dep in stage.deps if dep in missing), next(absent, ""))
    reason = (
        "it is frozen, and DVC does not run it" if stage.frozen else f"{dep} is missing" if dep else ran.reason(name)
    )
    yield OutputDifference(name, "no results", reason or ran.reason(name), UNKNOWN)
    for out in (out for out in old.outs if (root / out).exists()):
        if what := difference_to_hash(root, out, old.outs[out], old.entries[out]):
            yield OutputDifference(name, out, f"it is not what dvc.lock has: {what}")


def _shown(committed: Path, rebuilt: Path, paths: Iterable[str]) -> Iterator[OutputDifference]:
    """Yield a row for each committed file of Pipeline.shown: a stage may write it without declaring it as an output."""
    for path in paths:
        one, other = contents(committed, path), contents(rebuilt, path)
        if one:
            yield OutputDifference(
                "dvc.yaml", path, *([describe_difference(one, other)] if other else ["no stage makes it", UNKNOWN])
            )


def _aligned(root: Path, before: Stages, after: Stages) -> Stages:
    """Return the rebuilt stages, with DVC 2's hash of each file whose hash by DVC 2 has not changed.

    The two versions hash different line ends of a text, so their hashes of equal files differ.
    """
    stages = Stages()
    for name, stage in after.items():
        old = before.get(name, NO_STAGE)
        legacy = {path: recorded for path, recorded in (old.deps | old.outs).items() if "hash" not in old.entries[path]}
        equal = {path: own for path, own in legacy.items() if digest(root, path, legacy=True) == own}
        deps, outs = ({path: equal.get(path, own) for path, own in files.items()} for files in (stage.deps, stage.outs))
        stages[name] = stage._replace(deps=deps, outs=outs)
    return stages


def _not_run(root: Path, pipeline: Pipeline, after: Stages) -> Stages:
    """Return the stages that have not run, with the commands of dvc.yaml and the hashes of their committed inputs."""
    makers, stages = makers_of(pipeline.locked), Stages()
    for name in pipeline.stages.keys() & pipeline.locked.keys() - after.keys():
        old = pipeline.locked[name]
        own = [dep for dep in old.deps if dep not in makers and (root / dep).exists()]
        changed = {
            dep: digest(root, dep) for dep in own if difference_to_hash(root, dep, old.deps[dep], old.entries[dep])
        }
        stages[name] = old._replace(cmd=pipeline.stages[name].cmd, deps=old.deps | changed)
    return stages
