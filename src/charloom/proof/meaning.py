"""Explain why rebuilt results differ from the committed ones: contradictions within the commit, and edits of its files.

The module also grades how far the results are apart.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from charloom.base.errors import CheckFailed, Damaged, WrongInput
from charloom.base.yaml_text import parsed
from charloom.proof.differences import values
from charloom.proof.outputs import Output, Pair, hashes_of, outputs
from charloom.results.git import git
from charloom.results.records import MEASURE
from charloom.settings.dvc_lock import LOCK, locked, md5
from charloom.settings.params import PARAMS, Params
from charloom.settings.pipeline import PIPELINE, Project, names_of, params_of
from dvc_summary.locks import Stages, compared, within

# The keys of a stage in dvc.yaml that this module knows.
KEYS = {"desc", "cmd", "params", "deps", "outs", "metrics", "plots", "meta", "frozen", "always_changed"}
RESULTS = ("metrics/", "plots/")
SUBMODULE = "160000"  # Git's mode for a submodule
NAMED = 3  # files named in a sentence, at most
NOT_FOUND = (
    "{stage} gives other results, and no file shows why: the committed ones were made with other sources, params or "
    "text, or on a machine with other arithmetic"
)
TOLERANCE = 1e-6  # relative
INTEGER_LIMIT = 2**1000  # integers below it fit a float
MATTERS = 0.01  # bits per character: the smallest difference that matters to a reader
SAMPLES, METRICS = "reports/sample_table", "metrics/train"  # values of Output.key
SAME_BITS, SAME_TEXT, WITHIN, SAME_CONCLUSION, ANOTHER = (
    "the same bits", "the same text", "within tolerance", "the same conclusion", "another result",
)  # fmt: skip
MEANINGS = {
    SAME_BITS: "every result is equal to the last bit",
    SAME_TEXT: f"every sample is the same, and every figure within {TOLERANCE:g} of the committed one, relative to it",
    WITHIN: f"every figure is within {TOLERANCE:g} of the committed one, relative to it; samples are not, or not known",
    SAME_CONCLUSION: f"held-out text costs the same within {MATTERS:g} bits per character; figures differ",
    ANOTHER: "the cost of held-out text differs by more, or is not known",
}  # from the smallest distance to the largest: the first one that holds is the grade


class Contradiction(NamedTuple):
    """A contradiction between two files of a commit: a sentence, and the names of the stages concerned."""

    what: str
    stages: tuple[str, ...]

    def __str__(self) -> str:
        """Return the sentence for the user, with the stages."""
        return f"{self.what} (stages: {', '.join(self.stages)})"


@contextmanager
def _committed_files() -> Iterator[None]:
    """Convert exceptions about the project's files into CheckFailed: the files are HEAD's, not the user's input."""
    try:
        yield
    except WrongInput as error:
        raise CheckFailed(f"first difference: prepare: {error}") from None
    except Damaged:
        raise CheckFailed(f"first difference: prepare: {LOCK}: not what DVC writes") from None
    except (OSError, AttributeError, LookupError, TypeError, ValueError):
        raise CheckFailed(f"first difference: prepare: {PIPELINE}: not as DVC writes it") from None


@_committed_files()
def contradictions(clone: Project, *, results: bool) -> list[Contradiction]:
    """Compare dvc.lock with the other committed files; return the contradictions, in the order of the stages.

    clone    a clone of HEAD in which no stage has run
    results  whether committed results are compared with their hashes in dvc.lock, too

    Raises CheckFailed if dvc.lock, dvc.yaml or params.yaml is missing or invalid.
    """
    return _merged(_contradicted(clone, clone.params(), list(outputs(clone)), _lock(clone), results=results))


def _merged(sentences: Iterable[tuple[str, str]]) -> list[Contradiction]:
    """Return a Contradiction for each distinct sentence, with all its stages, from pairs (stage, sentence)."""
    by_sentence: dict[str, list[str]] = {}
    for stage, sentence in sentences:
        by_sentence.setdefault(sentence, []).append(stage)
    return [Contradiction(sentence, tuple(stages)) for sentence, stages in by_sentence.items()]


def _lock(clone: Project) -> Stages:
    """Return the stages of dvc.lock.

    Raises WrongInput if dvc.lock is missing or has Git's conflict markers, and Damaged if its format is not DVC's.
    """
    path = clone.root / LOCK
    if not path.exists():
        raise WrongInput(f"{LOCK}: not in HEAD; `dvc repro` writes it, then commit it")
    if b"\n<<<<<<< " in b"\n" + path.read_bytes():
        take = f"take the file of one branch (`git checkout BRANCH -- {LOCK}`), then run `dvc repro`"
        raise WrongInput(f"{LOCK}: a merge was committed with its conflict markers; {take}")
    return locked(clone)


def _contradicted(
    clone: Project, params: Params, declared: list[Output], lock: Stages, *, results: bool
) -> Iterator[tuple[str, str]]:
    """Yield (stage, sentence) for each contradiction between dvc.lock and the committed files.

    params    the params in the commit's params.yaml
    declared  the outputs in dvc.yaml
    lock      the stages of dvc.lock
    results   whether committed results are compared with their hashes, too
    """
    hashes = hashes_of(lock)
    named = {(output.stage, output.path) for output in declared}
    for stage in dict.fromkeys(output.stage for output in declared):
        for sentence in _of_inputs(clone, stage, lock, params):
            yield stage, sentence
        for output in declared:
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
            yield stage, f"{LOCK} has {out}, which {PIPELINE} does not name: it was not rebuilt"


def _of_inputs(clone: Project, stage: str, lock: Stages, params: Params) -> Iterator[str]:
    """Yield a sentence for each command, param and input of the stage that differs between dvc.lock and the commit.

    An input that is not in the commit, the cache or a remote gets a sentence, too.
    """
    if stage not in lock:
        yield f"{LOCK} has no stage {stage}"
        return
    entry, declared, hashes = lock[stage], clone.declared(stage), hashes_of(lock)
    if entry.cmd != str(declared.get("cmd")):
        yield f"{LOCK} was made with another command: {entry.cmd}"
    now = params_of(declared, params)
    for name in now | entry.params:
        if ":" not in name and now.get(name) != entry.params.get(name):  # a colon: a param of another file
            yield f"{LOCK} was made with {name} {entry.params.get(name)}, {PARAMS} has {now.get(name)}"
    for dep in names_of(declared.get("deps", []), params.prepare.text):
        path = clone.root / dep
        if dep not in entry.deps:
            yield f"{LOCK} has no hash of the input {dep}"
        elif dep in hashes:
            if entry.deps[dep] != hashes[dep]:
                yield f"{LOCK} has two hashes of {dep}: one as output, another as input"
        elif not path.resolve().is_relative_to(git("rev-parse", "--show-toplevel", folder=clone.root)):
            yield f"{dep} is not in this repository, so nobody else has it"
        elif not path.exists():
            by_dvc = f"{dep} is in DVC, and neither the cache here nor a remote has it; its owner can `dvc push` it"
            yield by_dvc if Path(f"{path}.dvc").exists() else f"{dep} is not in Git, so nobody else has it"
        elif entry.deps[dep] != md5(path):
            kind = "source" if dep.startswith("src/") else "text" if dep == params.prepare.text else "file"
            yield f"{LOCK} was made with another {kind}: {dep}"


@_committed_files()
def not_rebuilt(clone: Project, here: Project) -> list[tuple[str, str, str]]:
    """Return (stage, file, reason) for each file that looks like a result and that a rebuild would not make.

    These are metrics and plots that no stage makes, frozen stages, parts of dvc.yaml that this module does not know,
    and every other dvc.yaml. The stage is the one concerned, or the last of the pipeline.

    clone  a clone of HEAD
    here   the repository's own folder, which has the files of Git's submodules

    Raises CheckFailed if DVC cannot read dvc.yaml.
    """
    return list(_not_rebuilt(clone, here))


def _not_rebuilt(clone: Project, here: Project) -> Iterator[tuple[str, str, str]]:
    stages, rebuilt = clone.stages(), [output.path for output in outputs(clone)]
    last, pipeline = list(stages)[-1], parsed((clone.root / PIPELINE).read_text(encoding="utf-8"))
    for stage, declared in stages.items():
        if declared.get("frozen"):
            yield stage, str(PIPELINE), f"{stage}: frozen: DVC does not run it"
        for key in declared.keys() - KEYS:
            yield stage, str(PIPELINE), f"{key}: an unknown key of a stage: its results were not rebuilt"
    for key in pipeline.keys() - {"stages", "plots"}:
        yield last, str(PIPELINE), f"{key}: what it names was not rebuilt"
    files = [entry.partition("\t") for entry in git("ls-files", "-z", "--stage", folder=clone.root).split("\0")[:-1]]
    modules = [here.root / path for mode, _, path in files if mode.startswith(SUBMODULE)]
    # DVC skips a submodule that is a DVC repository itself.
    other = [path for module in modules if not (module / ".dvc").exists() for path in module.rglob(str(PIPELINE))]
    named = [path for _, _, path in files if path.startswith(RESULTS) and not path.endswith("/.gitignore")]
    for path in {*_plotted(pipeline.get("plots", [])), *named} - {str(path) for path in modules}:
        if not any(within(path, output) for output in rebuilt):
            yield last, path, "no stage makes it"
    for path in [*(path for _, _, path in files if path.endswith(f"/{PIPELINE}")), *map(str, other)]:
        yield last, path, "its stages were not run"


def _plotted(plots: Any) -> Iterator[str]:
    """Yield the files under `plots` in dvc.yaml. A plot names its file as its key, or under `x` and `y`."""
    for entry in plots if isinstance(plots, list) else [plots]:
        for name, options in ({entry: None} if isinstance(entry, str) else entry).items():
            axes = ((options or {}).get(axis) for axis in ("x", "y"))
            yield from [file for axis in axes if isinstance(axis, dict) for file in axis] or [name]


def unexplained(committed: Stages, rebuilt: Stages, conflicts: list[Contradiction]) -> list[Contradiction]:
    """Return a contradiction for each stage whose inputs differ between the two locks, except stages in `conflicts`.

    committed, rebuilt  the stages of the two dvc.lock files
    """
    named = {stage for conflict in conflicts for stage in conflict.stages}
    differ = [stage for stage in compared(committed, rebuilt) if stage.inputs and stage.name in rebuilt.keys() - named]
    return [Contradiction(f"{LOCK} was made with another {', '.join(stage.inputs)}", (stage.name,)) for stage in differ]


def causes(conflicts: list[Contradiction], pairs: list[Pair]) -> list[str]:
    """Return sentences that explain the differences between committed and rebuilt outputs.

    First come the contradictions within the commit, then the explanations from the outputs, stage by stage. The result
    is empty if the files show no cause.
    """
    sentences, blamed = list(map(str, conflicts)), {stage for conflict in conflicts for stage in conflict.stages}
    first = next((pair.output.stage for pair in pairs if not pair.same), None)
    for stage in dict.fromkeys(pair.output.stage for pair in pairs):
        of_stage = [pair for pair in pairs if pair.output.stage == stage]
        sentences += _edited(stage, of_stage)
        # A stage with other inputs, or after another stage with differences, has other outputs anyway.
        if stage == first and stage not in blamed:
            sentences += _replaced(stage, of_stage, explained=bool(sentences))
    return sentences


def _edited(stage: str, pairs: list[Pair]) -> Iterator[str]:
    """Yield sentences about outputs of the stage whose committed content or hash in dvc.lock was edited.

    An output in Git was edited or removed if its content differs from the rebuilt one and from its hash in dvc.lock.
    dvc.lock was edited if the content equals the rebuilt one and the hash does not.

    pairs  the outputs of the stage
    """
    other = [pair for pair in pairs if pair.output.in_git and not pair.content_same and pair.locked != pair.hashes[0]]
    edited, removed = ([pair for pair in other if bool(pair.committed) is present] for present in (True, False))
    relocked = [pair for pair in pairs if pair.content_same and not pair.hash_same]
    if edited:
        whose = "the hash of what was rebuilt" if all(pair.hash_same for pair in edited) else "another hash"
        yield f"{_paths(edited)}: edited after {stage} made {_it(edited)}: {LOCK} has {whose}"
    if removed:
        yield f"{_paths(removed)}: not committed, or under another name"
    if relocked:
        unknown = [pair for pair in pairs if not pair.same and not pair.committed]
        yield f"{LOCK} is old, edited or made up: {stage} makes {_paths(relocked + unknown)} with another hash"


def _replaced(stage: str, pairs: list[Pair], *, explained: bool) -> Iterator[str]:
    """Yield at most one sentence about committed outputs that differ from the rebuilt ones and agree with dvc.lock.

    An output that Git does not contain counts as one that agrees.

    pairs      the outputs of the first stage with a difference
    explained  whether another sentence explains differences. If so, an output with unknown content gets no sentence,
               unless all outputs of the stage differ
    """
    different = [pair for pair in pairs if not pair.same and not pair.content_same]
    replaced = [pair for pair in different if pair.locked == pair.hashes[0] or not pair.output.in_git]
    complete = all(pair.committed for pair in replaced)
    if len(replaced) == len(pairs):
        yield NOT_FOUND.format(stage=stage)
    elif replaced and (complete or not explained):
        how = f"edited or replaced, and {LOCK} with {_it(replaced)}" if complete else f"replaced, or {LOCK} edited"
        yield f"{_paths(replaced)}: {how}: all else that {stage} makes is the same"


def _paths(pairs: list[Pair]) -> str:
    more = f" and {len(pairs) - NAMED} more" if len(pairs) > NAMED else ""
    return ", ".join(pair.output.path for pair in pairs[:NAMED]) + more


def _it(pairs: list[Pair]) -> str:
    return "it" if len(pairs) == 1 else "them"


def grade(pairs: list[Pair]) -> str:
    """Return the first key of MEANINGS whose sentence holds for the pairs. Only results in Git count as figures."""
    if all(pair.same for pair in pairs):
        return SAME_BITS
    figures = {pair.output.key: [values(pair.committed), values(pair.rebuilt)] for pair in pairs if pair.output.in_git}
    if all(
        one.keys() == other.keys() and all(map(_near, one.values(), map(other.get, one)))
        for one, other in figures.values()
    ):
        return SAME_TEXT if all(pair.hash_same for pair in pairs if pair.output.key == SAMPLES) else WITHIN
    metrics = [item for side in figures.get(METRICS, []) for item in side.items()]
    costs = [cost for key, cost in metrics if key.endswith(f": {MEASURE}") and _is_number(cost)]
    return SAME_CONCLUSION if len(costs) == 2 and abs(costs[0] - costs[1]) <= MATTERS else ANOTHER


def _near(one: Any, other: Any) -> bool:
    return one == other or (_is_number(one) and _is_number(other) and math.isclose(one, other, rel_tol=TOLERANCE))


def _is_number(value: Any) -> bool:
    """Return whether the value is a float, or an integer that fits a float."""
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < INTEGER_LIMIT)
