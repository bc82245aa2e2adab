"""Verify a commit of a DVC project: rebuild its results from nothing, compare them, and explain differences."""

import re
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from dvc_proof.causes import edits, find_conflicts
from dvc_proof.data import SHOWN, contents, difference_to_hash, digest, fetched, folder_files, line_ends
from dvc_proof.differences import DIFFERENT, SAME, UNKNOWN, OutputDifference, describe_difference
from dvc_proof.facts import compare_outputs
from dvc_proof.git import Refused, git, uncommitted
from dvc_proof.lock import NO_STAGE, Stage, Stages, makers_of, within
from dvc_proof.rebuild import Rebuilt, Say, checked_out, outward_link, rebuild
from dvc_proof.stages import Pipeline, pipeline_in
from dvc_proof.words import number_of

DATA = "data, not rebuilt"  # stands for a stage in the rows of data files
LINE_ENDS = re.compile(r"only the line ends differ( \(stages: .*\))?$")
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
        """Return the exit code: 0 if all is the same, 1 if something differs, 2 if no more is known."""
        return 1 if self.count(DIFFERENT) else 2 if self.count(UNKNOWN) or not self.rows else 0


def verify(
    place: Path, say: Say, ref: str = "HEAD", targets: Collection[str] = (), *, heard: Say = lambda _: None,
    twice: bool = False, seconds: float | None = None, without: Collection[str] = (), **variables: str,
) -> VerificationReport:  # fmt: skip
    """Verify a commit in a temporary folder, and return the result.

    ref        HEAD, or the full hash of a commit
    say        called with each row (OutputDifference), and with lines about progress
    targets    names of the stages to rebuild, with the stages that they need; (): all stages
    heard      called with the other lines that the stages print
    twice      whether every stage runs in two clones; an output that differs between the two is named
    seconds    time limit for fetching data, and again for all stages of a clone; None: no limit for stages
    without    further paths that the clone must not have
    variables  environment variables for the stages

    Raises Refused if Git or DVC cannot read the commit, if a path or a link leads out of the project, or if a target is
    no stage of the commit.
    """
    commit = git("rev-parse", "--verify", f"{ref}^{{commit}}")
    if ref == "HEAD" and uncommitted():
        say("uncommitted changes are not checked: only HEAD is")
    committed = checked_out(place / "committed", commit)
    if link := outward_link(place / "committed"):
        raise Refused(f"{link}: a link that leads out of the repository")
    pipeline, rows = pipeline_in(committed), list[OutputDifference]()
    if not (pipeline.stages or pipeline.locked or pipeline.tracked):
        raise Refused("HEAD has no stage and no data in this folder or below: nothing can be verified")
    if lost := {*targets} - pipeline.stages.keys():
        raise Refused(f"{', '.join(lost)}: commit {commit[:SHOWN]} has no such stage")

    def add(more: Iterable[OutputDifference]) -> None:
        for row in more:  # other line ends are Windows's, and accuse nobody
            rows.append(row._replace(verdict=UNKNOWN) if LINE_ENDS.search(row.what) else row)
            say(rows[-1])

    data = {path: stage for stage in pipeline.tracked.values() for path in stage.outs}
    frozen = [out for stage in pipeline.stages.values() if stage.frozen for out in stage.outs]
    complaints = fetched(committed, [*data, *frozen], seconds)
    if not targets:
        add([*_data(committed, data, complaints), *_others(committed, pipeline)])
    # A stage without outputs has nothing to compare, and may publish something.
    wanted = targets or [name for name, stage in pipeline.stages.items() if stage.outs]
    names = [name for name in wanted if not pipeline.stages[name].frozen]
    author = git("log", "-1", "--format=%an", commit)
    which = f"{', '.join(names)}, and of the stages that it needs," if targets else number_of(len(names), "stage")
    say(f"running the commands of {which} of {author}'s commit {commit[:SHOWN]}, as your user")
    runs = list[Rebuilt]()
    for name in ("rebuilt", "again")[: 1 + twice]:
        shutil.copytree(place / "committed", place / name, symlinks=True)
        root = place / name / committed.relative_to(place / "committed")
        runs.append(rebuild(root, pipeline, names, say, heard, variables, without, seconds))
        sys.stderr.write(runs[-1].printed if runs[-1].failed else "")
    root, ran, after = place / "rebuilt" / committed.relative_to(place / "committed"), runs[0], runs[0].stages
    locked = {name: _aligned(root, stage) for name, stage in pipeline.locked.items()}
    pipeline = pipeline._replace(locked=locked)
    for name in dict.fromkeys([*wanted, *after]):
        stage = after.get(name)
        add(_stage(name, pipeline, stage, committed, root) if stage else _not_rebuilt(name, pipeline, committed, ran))
    add([] if targets else _shown(committed, root, pipeline.shown))
    conflicts = find_conflicts(locked, after | ({} if targets else _not_run(committed, pipeline, after)), committed)
    add(OutputDifference(readers[0], "dvc.lock", sentence) for sentence, readers in conflicts.items())
    changes = [change for other in runs[1:] for change in compare_outputs(after, other.stages) if change.outs]
    for change in changes:
        if not change.side:
            add(OutputDifference(change.name, out, "two runs here differ") for out in change.outs)
        elif change.side == "gone":  # the second run ended earlier
            add(OutputDifference(change.name, out, runs[1].reason(change.name), UNKNOWN) for out in change.outs)
    causes = [*conflicts, *edits(locked, after, committed, twice and not changes)]
    return VerificationReport(commit, rows, causes, committed, root)


def _data(root: Path, data: Mapping[str, Stage], complaints: Mapping[str, str]) -> Iterator[OutputDifference]:
    """Yield a row for each file or folder that DVC tracks: its content compared with the hash in its .dvc file."""
    for path, stage in data.items():
        if path in complaints:
            yield OutputDifference(DATA, path, f"it cannot be had: {complaints[path]}", UNKNOWN)
        elif "None" in stage.outs[path] or stage.outs[path].startswith("{"):
            yield OutputDifference(DATA, path, "its .dvc file has no hash", UNKNOWN)
        else:
            what = difference_to_hash(root, path, stage)
            yield OutputDifference(DATA, path, what and f"it is not the data of its .dvc file: {what}")


def _others(root: Path, pipeline: Pipeline) -> Iterator[OutputDifference]:
    """Yield a row for each stage or output that only a dvc.lock has, and for each dvc.yaml in a submodule."""
    for name, stage in pipeline.locked.items():
        if name not in pipeline.stages:
            what = "dvc.yaml has no such stage, so nothing makes its outputs"
            yield OutputDifference(name, "dvc.lock", what, UNKNOWN)
        for out in stage.outs.keys() - {*pipeline.stages[name].outs} if name in pipeline.stages else ():
            yield OutputDifference(name, out, "dvc.lock has it, and dvc.yaml does not name it")
    for entry in git("ls-files", "-z", "--stage", folder=root).split("\0")[:-1]:
        place = Path(entry.partition("\t")[2])
        # DVC skips a submodule that is a DVC repository itself.
        if entry.startswith(SUBMODULE) and not (place / ".dvc").exists() and [*place.rglob("dvc.yaml")]:
            yield OutputDifference(str(place), "dvc.yaml", "a submodule, which verification does not clone", UNKNOWN)


def _stage(name: str, pipeline: Pipeline, new: Stage, committed: Path, rebuilt: Path) -> Iterator[OutputDifference]:
    """Yield a row for each output of a rebuilt stage: its content or hash compared with Git's file and dvc.lock."""
    old = pipeline.locked.get(name, NO_STAGE)
    for out in pipeline.stages[name].outs:
        locked, relocked, one = old.outs.get(out, ""), new.outs[out], contents(committed, out)
        if out in pipeline.stages[name].in_git and not (committed / out).exists():
            verdict = DIFFERENT if (committed / out).is_symlink() else UNKNOWN  # a link may lead nowhere
            yield OutputDifference(name, out, "it is not committed", verdict)
        elif what := describe_difference(one, contents(rebuilt, out)) if one else "":
            yield OutputDifference(name, out, what)
        elif not locked:
            yield OutputDifference(name, out, "dvc.lock has no hash of it; `dvc repro` writes it", UNKNOWN)
        elif difference_to_hash(rebuilt, out, new):
            yield OutputDifference(name, out, "a later stage overwrites what this stage makes")
        elif locked == relocked:
            yield OutputDifference(name, out, difference_to_hash(rebuilt, out, old))
        else:
            what = f"dvc.lock has {locked[:SHOWN]}…, rebuilt {relocked[:SHOWN]}…{line_ends(rebuilt, out, locked)}"
            yield OutputDifference(name, out, what + folder_files(rebuilt, out, locked))


def _not_rebuilt(name: str, pipeline: Pipeline, root: Path, ran: Rebuilt) -> Iterator[OutputDifference]:
    """Yield a row with the reason why a stage has no results, and one for each committed output unlike its dvc.lock.

    root  the project's folder in a clone of the commit
    """
    stage, old = pipeline.stages[name], pipeline.locked.get(name, NO_STAGE)
    made = [out for other in pipeline.stages.values() if not other.frozen for out in other.outs]
    deps = [dep for dep in stage.deps if "://" not in dep and not any(within(dep, out) for out in made)]
    missing = next((f"{dep} is missing" for dep in deps if not (root / dep).exists()), "")
    reason = "it is frozen, and DVC does not run it" if stage.frozen else missing or ran.reason(name)
    yield OutputDifference(name, "no results", reason, UNKNOWN)
    for out in (out for out in old.outs if (root / out).exists()):
        if what := difference_to_hash(root, out, old):
            yield OutputDifference(name, out, f"it is not what dvc.lock has: {what}")


def _shown(committed: Path, rebuilt: Path, paths: Iterable[str]) -> Iterator[OutputDifference]:
    """Compare each committed metric, plot or artifact that no stage declares with the rebuilt file; yield the rows.

    A stage may write such a file without declaring it as an output. If none does, the row is UNKNOWN.

    paths  Pipeline.shown
    """
    for path in paths:
        one, other = contents(committed, path), contents(rebuilt, path)
        if one and other:
            yield OutputDifference("dvc.yaml", path, describe_difference(one, other))
        elif one:
            yield OutputDifference("dvc.yaml", path, "no stage makes it", UNKNOWN)


def _aligned(root: Path, stage: Stage) -> Stage:
    """Return a stage of a dvc.lock, with DVC 3's hash of each file in `root` whose hash by DVC 2 is the recorded one.

    The two versions hash different line ends of a text, so their hashes of equal files differ.
    """
    legacy = {path: entry.get("md5") for path, entry in stage.entries.items() if "hash" not in entry}
    modern = {path: digest(root, path) for path, own in legacy.items() if digest(root, path, legacy=True) == own}
    deps, outs = ({path: modern.get(path, own) for path, own in files.items()} for files in (stage.deps, stage.outs))
    return stage._replace(deps=deps, outs=outs)


def _not_run(root: Path, pipeline: Pipeline, after: Stages) -> Stages:
    """Return the stages that have not run, with the commands of dvc.yaml and the hashes of their committed inputs."""
    makers, stages = makers_of(pipeline.locked), Stages()
    for name in pipeline.stages.keys() & pipeline.locked.keys() - after.keys():
        old = pipeline.locked[name]
        own = [dep for dep in old.deps if dep not in makers and (root / dep).exists()]
        changed = {dep: digest(root, dep) for dep in own if difference_to_hash(root, dep, old)}
        stages[name] = old._replace(cmd=pipeline.stages[name].cmd, deps=old.deps | changed)
    return stages
