"""What a difference means: what a commit says against itself, which edit explains it, and how near the results come."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from charloom.base.errors import CheckFailed, Damaged, WrongInput
from charloom.base.yaml_text import parsed
from charloom.proof.differences import values
from charloom.proof.outputs import Made, Output, hashes_of, outputs
from charloom.results.git import git
from charloom.results.records import MEASURE
from charloom.settings.dvc_lock import LOCK, locked, md5
from charloom.settings.params import PARAMS, Params
from charloom.settings.pipeline import PIPELINE, Project, names_of, params_of
from dvc_summary.locks import Stages, compared, within

# What DVC lets a stage say, and is known here.
KEYS = {"desc", "cmd", "params", "deps", "outs", "metrics", "plots", "meta", "frozen", "always_changed"}
RESULTS = ("metrics/", "plots/")
SUBMODULE = "160000"  # Git's mode of one
NAMED = 3  # files of a sentence
NOT_FOUND = (
    "{stage} comes to other results, and no file says why: they were made by other sources, params or text than the "
    "committed ones, or on a machine that computes otherwise"
)
TOLERANCE = 1e-6  # relative
LARGEST = 2**1000  # of whole numbers that are compared
MATTERS = 0.01  # bits per character: a difference that a reader would care about
SAMPLES, METRICS = "reports/sample_table", "metrics/train"  # keys of outputs
SAME_BITS, SAME_TEXT, WITHIN, SAME_CONCLUSION, ANOTHER = (
    "the same bits", "the same text", "within tolerance", "the same conclusion", "another result",
)  # fmt: skip
MEANINGS = {
    SAME_BITS: "every result is equal to the last bit",
    SAME_TEXT: f"every sample is the same, and every figure within {TOLERANCE:g} of the committed one, relative to it",
    WITHIN: f"every figure is within {TOLERANCE:g} of the committed one, relative to it; samples are not, or not known",
    SAME_CONCLUSION: f"held-out text costs the same within {MATTERS:g} bits per character; figures differ",
    ANOTHER: "held-out text does not cost the same, or it cannot be said",
}  # from the nearest on; each includes those before it


class Contradiction(NamedTuple):
    """What a commit says against itself, in words, and the stages that it is about."""

    what: str
    stages: tuple[str, ...]

    def __str__(self) -> str:
        """Return the sentence."""
        return f"{self.what} (stages: {', '.join(self.stages)})"


@contextmanager
def _committed_files() -> Iterator[None]:
    """Raise CheckFailed for what is wrong with the project's own files: HEAD has them, nobody typed them."""
    try:
        yield
    except WrongInput as error:
        raise CheckFailed(f"first difference: prepare: {error}") from None
    except Damaged:
        raise CheckFailed(f"first difference: prepare: {LOCK}: not what DVC writes") from None
    except (OSError, AttributeError, LookupError, TypeError, ValueError):
        raise CheckFailed(f"first difference: prepare: {PIPELINE}: not as DVC reads it") from None


@_committed_files()
def contradictions(clone: Project, *, results: bool) -> list[Contradiction]:
    """Compare dvc.lock with what is committed beside it; return what differs, in the order of the stages.

    clone    one in which nothing was run
    results  compare the committed results too

    Raises CheckFailed if dvc.lock is not what DVC writes, or params.yaml has what is not allowed.
    """
    return _merged(_contradicted(clone, clone.params(), list(outputs(clone)), _lock(clone), results=results))


def _merged(said: Iterable[tuple[str, str]]) -> list[Contradiction]:
    """Return each sentence once, with all the stages that it is said of."""
    found: dict[str, list[str]] = {}
    for stage, what in said:
        found.setdefault(what, []).append(stage)
    return [Contradiction(what, tuple(stages)) for what, stages in found.items()]


def _lock(clone: Project) -> Stages:
    """Return what dvc.lock says. Raises WrongInput if it is missing, or a merge that nobody has finished."""
    path = clone.root / LOCK
    if not path.exists():
        raise WrongInput(f"{LOCK}: not in HEAD; `dvc repro` writes it, then commit it")
    if b"\n<<<<<<< " in b"\n" + path.read_bytes():
        take = f"take that of one side (`git checkout BRANCH -- {LOCK}`), then `dvc repro`"
        raise WrongInput(f"{LOCK}: a merge was committed with its conflict marks; {take}")
    return locked(clone)


def _contradicted(
    clone: Project, params: Params, made: list[Output], lock: Stages, *, results: bool
) -> Iterator[tuple[str, str]]:
    """Yield stage and what is said against it."""
    hashes = hashes_of(lock)
    named = {(output.stage, output.path) for output in made}
    for stage in dict.fromkeys(output.stage for output in made):
        for what in _of_inputs(clone, stage, lock, params):
            yield stage, what
        for output in made:
            if output.stage != stage:
                continue
            path, compared_here = clone.root / output.path, output.in_git and results
            if output.path not in hashes:
                yield stage, f"{LOCK} has no hash of {output.path}"
            elif compared_here and not path.exists():
                yield stage, f"{output.path} is not committed, and {LOCK} has its hash"
            elif compared_here and hashes[output.path] != md5(path):
                yield stage, f"{LOCK} has the hash of another {output.path} than the committed one"
    for stage, out in ((stage, out) for stage, entry in lock.items() for out in entry.outs):
        if (stage, out) not in named:
            yield stage, f"{LOCK} has {out}, which {PIPELINE} does not name: it was not made again"


def _of_inputs(clone: Project, stage: str, lock: Stages, params: Params) -> Iterator[str]:
    """Yield what dvc.lock says of a stage's command, params and files that is not so."""
    if stage not in lock:
        yield f"{LOCK} has no stage {stage}"
        return
    entry, says, hashes = lock[stage], clone.declared(stage), hashes_of(lock)
    if entry.cmd != str(says.get("cmd")):
        yield f"{LOCK} is of another command: {entry.cmd}"
    now = params_of(says, params)
    for name in now | entry.params:
        if ":" not in name and now.get(name) != entry.params.get(name):  # with a colon it is one of another file
            yield f"{LOCK} is of {name} {entry.params.get(name)}, {PARAMS} says {now.get(name)}"
    for dep in names_of(says.get("deps", []), params.prepare.text):
        path = clone.root / dep
        if dep not in entry.deps:
            yield f"{LOCK} does not say which {dep} was used"
        elif dep in hashes:
            if entry.deps[dep] != hashes[dep]:
                yield f"{LOCK} is of two {dep}: one was made, another was used"
        elif not path.resolve().is_relative_to(git("rev-parse", "--show-toplevel", folder=clone.root)):
            yield f"{dep} is not in this repository, so nobody else has it"
        elif not path.exists():
            by_dvc = f"{dep} is in DVC, and neither the cache here nor a remote has it; `dvc pull` brings it"
            yield by_dvc if Path(f"{path}.dvc").exists() else f"{dep} is not in Git, so nobody else has it"
        elif entry.deps[dep] != md5(path):
            kind = "source" if dep.startswith("src/") else "text" if dep == params.prepare.text else "file"
            yield f"{LOCK} is of another {kind}: {dep}"


@_committed_files()
def not_rebuilt(clone: Project, here: Project) -> list[tuple[str, str, str]]:
    """Return stage, file and reason of what looks like a result, to DVC or in metrics/ and plots/, and is not rebuilt.

    here  the repository's own folder, which has the files of Git's submodules

    Raises CheckFailed if dvc.yaml is not as DVC reads it.
    """
    return list(_not_rebuilt(clone, here))


def _not_rebuilt(clone: Project, here: Project) -> Iterator[tuple[str, str, str]]:
    stages, made = clone.stages(), [each.path for each in outputs(clone)]
    last, pipeline = list(stages)[-1], parsed((clone.root / PIPELINE).read_text(encoding="utf-8"))
    for stage, says in stages.items():
        if says.get("frozen"):
            yield stage, str(PIPELINE), f"{stage}: frozen: DVC does not run it"
        for key in says.keys() - KEYS:
            yield stage, str(PIPELINE), f"{key}: what it comes to is not known here, and was not made again"
    for key in pipeline.keys() - {"stages", "plots"}:
        yield last, str(PIPELINE), f"{key}: what it names was not made again"
    files = [entry.partition("\t") for entry in git("ls-files", "-z", "--stage", folder=clone.root).split("\0")[:-1]]
    modules = [here.root / path for mode, _, path in files if mode.startswith(SUBMODULE)]
    # DVC skips a submodule that is a project of DVC's own.
    other = [path for module in modules if not (module / ".dvc").exists() for path in module.rglob(str(PIPELINE))]
    named = [path for _, _, path in files if path.startswith(RESULTS) and not path.endswith("/.gitignore")]
    for path in {*_plotted(pipeline.get("plots", [])), *named} - {str(path) for path in modules}:
        if not any(within(path, each) for each in made):
            yield last, path, "no stage makes it"
    for path in [*(path for _, _, path in files if path.endswith(f"/{PIPELINE}")), *map(str, other)]:
        yield last, path, "its stages were not run"


def _plotted(plots: Any) -> Iterator[str]:
    """Yield the files that dvc.yaml's `plots` names: as a plot's own name, or beside its columns."""
    for entry in plots if isinstance(plots, list) else [plots]:
        for name, options in ({entry: None} if isinstance(entry, str) else entry).items():
            axes = ((options or {}).get(axis) for axis in ("x", "y"))
            yield from [file for axis in axes if isinstance(axis, dict) for file in axis] or [name]


def unexplained(committed: Stages, rebuilt: Stages, against: list[Contradiction]) -> list[Contradiction]:
    """Return in which stages the two locks differ, outputs apart, that nothing is said against yet."""
    said = {stage for each in against for stage in each.stages}
    differ = [each for each in compared(committed, rebuilt) if each.inputs and each.name in rebuilt.keys() - said]
    return [Contradiction(f"{LOCK} is of another {', '.join(each.inputs)}", (each.name,)) for each in differ]


def causes(against: list[Contradiction], made: list[Made]) -> list[str]:
    """Return why a commit's results are not those that it comes to, in sentences, as far as its files tell.

    First what the commit says against itself, then what its outputs tell, stage by stage.
    """
    found, blamed = [str(each) for each in against], {stage for each in against for stage in each.stages}
    first = next((each.output.stage for each in made if not each.same), None)
    for stage in dict.fromkeys(each.output.stage for each in made):
        of_stage = [each for each in made if each.output.stage == stage]
        # What is made of other inputs, or of what came out otherwise before, comes out otherwise.
        found += _edited(stage, of_stage)
        if stage == first and stage not in blamed:
            found += _replaced(stage, of_stage, explained=bool(found))
    return found


def _edited(stage: str, made: list[Made]) -> Iterator[str]:
    """Yield which files are not those that dvc.lock has the hash of."""
    other = [each for each in made if each.output.in_git and not each.content_same and each.locked != each.hashes[0]]
    edited, removed = ([each for each in other if bool(each.committed) is there] for there in (True, False))
    relocked = [each for each in made if each.content_same and not each.hash_same]
    if edited:
        whose = "the hash of what was rebuilt" if all(each.hash_same for each in edited) else "another hash"
        yield f"{_paths(edited)}: edited after {stage} made {_it(edited)}: {LOCK} has {whose}"
    if removed:
        yield f"{_paths(removed)}: not committed, or under another name"
    if relocked:
        unknown = [each for each in made if not each.same and not each.committed]
        yield f"{LOCK} is old, edited or made up: {stage} makes {_paths(relocked + unknown)} of another hash"


def _replaced(stage: str, made: list[Made], *, explained: bool) -> Iterator[str]:
    """Yield which files are not what the first stage that differs makes, while dvc.lock has their hash."""
    agreeing = [each for each in made if not each.same and not each.content_same]
    replaced = [each for each in agreeing if each.locked == each.hashes[0] or not each.output.in_git]
    known = all(each.committed for each in replaced)
    if len(replaced) == len(made):
        yield NOT_FOUND.format(stage=stage)
    elif replaced and (known or not explained):
        how = f"edited or replaced, and {LOCK} with {_it(replaced)}" if known else f"replaced, or {LOCK} edited"
        yield f"{_paths(replaced)}: {how}: all else that {stage} makes is the same"


def _paths(made: list[Made]) -> str:
    more = f" and {len(made) - NAMED} more" if len(made) > NAMED else ""
    return ", ".join(each.output.path for each in made[:NAMED]) + more


def _it(made: list[Made]) -> str:
    return "it" if len(made) == 1 else "them"


def grade(made: list[Made]) -> str:
    """Return the first of MEANINGS that holds. Figures are those of the results that lie in Git."""
    if all(each.same for each in made):
        return SAME_BITS
    figures = {each.output.key: [values(each.committed), values(each.rebuilt)] for each in made if each.output.in_git}
    if all(
        one.keys() == other.keys() and all(map(_near, one.values(), map(other.get, one)))
        for one, other in figures.values()
    ):
        return SAME_TEXT if all(each.hash_same for each in made if each.output.key == SAMPLES) else WITHIN
    metrics = [pair for side in figures.get(METRICS, []) for pair in side.items()]
    known = [cost for key, cost in metrics if key.endswith(f": {MEASURE}") and _is_number(cost)]
    return SAME_CONCLUSION if len(known) == 2 and abs(known[0] - known[1]) <= MATTERS else ANOTHER


def _near(one: Any, other: Any) -> bool:
    return one == other or (_is_number(one) and _is_number(other) and math.isclose(one, other, rel_tol=TOLERANCE))


def _is_number(value: Any) -> bool:
    """Return whether it is one that a float can hold."""
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < LARGEST)
