"""Explain why rebuilt results differ from the committed ones: contradictions within the commit, and edits of its files.

The module also grades how far the results are apart.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from charloom.base.errors import CheckFailed, Damaged, WrongInput
from charloom.base.yaml_text import parsed
from charloom.proof.differences import Row, values
from charloom.proof.outputs import Output, Pair, hashes_of, outputs
from charloom.results.git import git
from charloom.results.records import MEASURE
from charloom.settings.dvc_lock import LOCK, locked, present
from charloom.settings.params import PARAMS
from charloom.settings.pipeline import PIPELINE, Project
from dvc_summary.locks import Stage, Stages, compared, within

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


Contradictions = dict[str, list[str]]  # a sentence on two files of a commit, to the names of the stages concerned


def rows_of(conflicts: Contradictions) -> list[Row]:
    """Return a row of dvc.lock for each contradiction, under the first of its stages; its text names all of them."""
    return [Row(stages[0], str(LOCK), f"{what} (stages: {', '.join(stages)})") for what, stages in conflicts.items()]


@contextmanager
def committed_files() -> Iterator[None]:
    """Convert exceptions about the project's files into CheckFailed: the files are HEAD's, not the user's input."""
    try:
        yield
    except WrongInput as error:
        raise CheckFailed(f"first difference: prepare: {error}") from None
    except Damaged:
        raise CheckFailed(f"first difference: prepare: {LOCK}: not what DVC writes") from None
    except (OSError, AttributeError, LookupError, TypeError, ValueError):
        raise CheckFailed(f"first difference: prepare: {PIPELINE}: not in the format that DVC reads") from None


def contradictions(clone: Project, *, results: bool) -> Contradictions:
    """Compare dvc.lock with the other committed files; return the contradictions, in the order of the stages.

    clone    a clone of HEAD in which no stage has run
    results  whether committed results are compared with their hashes in dvc.lock, too

    Raises an exception that `committed_files` converts, if dvc.lock, dvc.yaml or params.yaml is missing or invalid.
    """
    conflicts, params, declared = Contradictions(), clone.params(), list(outputs(clone))
    lock = _lock(clone)
    named = {(output.stage, output.path) for output in declared}
    for stage in dict.fromkeys(output.stage for output in declared):
        now = present(clone, stage, params)
        for sentence in _of_inputs(clone, lock, stage, now, params.prepare.text):
            conflicts.setdefault(sentence, []).append(stage)
        for output in declared:
            if output.stage == stage and (sentence := _of_output(output, lock, now, results=results)):
                conflicts.setdefault(sentence, []).append(stage)
    for stage, out in ((stage, out) for stage, entry in lock.items() for out in entry.outs):
        if (stage, out) not in named:
            conflicts[f"{LOCK} has {out}, which {PIPELINE} does not name: it was not rebuilt"] = [stage]
    return conflicts


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


def _of_inputs(clone: Project, lock: Stages, name: str, now: Stage, text: str) -> Iterator[str]:
    """Yield a sentence for each command, param and input of the stage that differs between dvc.lock and the commit.

    An input that is not in the commit, the cache or a remote gets a sentence, too.

    lock  the stages of dvc.lock
    now   the stage as the files of the commit are
    text  the path of the text
    """
    if name not in lock:
        yield f"{LOCK} has no stage {name}"
        return
    stage, outs, top = lock[name], hashes_of(lock), git("rev-parse", "--show-toplevel", folder=clone.root)
    if stage.cmd != now.cmd:
        yield f"{LOCK} was made with another command: {stage.cmd}"
    for param in now.params | stage.params:
        if ":" not in param and now.params.get(param) != stage.params.get(param):  # a colon: a param of another file
            yield f"{LOCK} was made with {param} {stage.params.get(param)}, {PARAMS} has {now.params.get(param)}"
    for dep, digest in now.deps.items():
        path = clone.root / dep
        if dep not in stage.deps:
            yield f"{LOCK} has no hash of the input {dep}"
        elif dep in outs:
            if stage.deps[dep] != outs[dep]:
                yield f"{LOCK} has two hashes of {dep}: one as output, another as input"
        elif not path.resolve().is_relative_to(top):
            yield f"{dep} is not in this repository, so nobody else has it"
        elif not path.exists():
            by_dvc = f"{dep} is in DVC, and neither the cache here nor a remote has it; its owner can `dvc push` it"
            yield by_dvc if Path(f"{path}.dvc").exists() else f"{dep} is not in Git, so nobody else has it"
        elif stage.deps[dep] != digest:
            kind = "source" if dep.startswith("src/") else "text" if dep == text else "file"
            yield f"{LOCK} was made with another {kind}: {dep}"


def _of_output(output: Output, lock: Stages, now: Stage, *, results: bool) -> str:
    """Return a sentence if dvc.lock lacks the output, or if its committed file has another hash or is missing; else "".

    lock     the stages of dvc.lock
    now      the output's stage as the files of the commit are
    results  whether the hashes of files are compared
    """
    path, locked_hash = output.path, hashes_of(lock).get(output.path)
    if locked_hash is None:
        return f"{LOCK} has no hash of {path}"
    if not (output.in_git and results) or now.outs[path] == locked_hash:
        return ""
    if now.outs[path]:
        return f"{LOCK} has the hash of another {path} than the committed one"
    return f"{path} is not committed, and {LOCK} has its hash"


def not_rebuilt(clone: Project, here: Project) -> Iterator[tuple[str, str, str]]:
    """Yield stage, file and reason for each file that looks like a result and that a rebuild would not make.

    These are metrics and plots that no stage makes, frozen stages, parts of dvc.yaml that this module does not know,
    and every other dvc.yaml. The stage is the one concerned, or the last of the pipeline.

    clone  a clone of HEAD
    here   the repository's own folder, which has the files of Git's submodules
    """
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


def unexplained(committed: Stages, rebuilt: Stages, conflicts: Contradictions) -> Contradictions:
    """Return a contradiction for each stage whose inputs differ between the two locks, except stages in `conflicts`.

    committed, rebuilt  the stages of the two dvc.lock files
    """
    named = {stage for stages in conflicts.values() for stage in stages}
    more = Contradictions()
    for stage in compared(committed, rebuilt):
        if stage.inputs and stage.name in rebuilt.keys() - named:
            more.setdefault(f"{LOCK} was made with another {', '.join(stage.inputs)}", []).append(stage.name)
    return more


def causes(conflicts: Contradictions, pairs: list[Pair]) -> list[str]:
    """Return sentences that explain the differences between committed and rebuilt outputs.

    First come the contradictions within the commit, then the explanations from the outputs, stage by stage. The result
    is empty if the files show no cause.
    """
    sentences = [row.what for row in rows_of(conflicts)]
    blamed = {stage for stages in conflicts.values() for stage in stages}
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
