"""Explain why rebuilt results differ from the committed ones, by the two dvc.lock files and the committed files."""

from collections import defaultdict
from collections.abc import Iterator

from charloom.proof.outputs import Result
from charloom.settings.dvc_lock import LOCK
from charloom.settings.params import PARAMS
from dvc_summary.locks import NO_STAGE, Change, Stage, Stages, compared

NAMED = 3  # files named in a sentence, at most
NOT_FOUND = (
    "{stage} gives other results, and no file shows why: the committed ones were made with other sources, params or "
    "text, or on a machine with other arithmetic"
)


def contradictions(committed: Stages, rebuilt: Stages) -> dict[str, list[str]]:
    """Return a sentence for each input that differs between the two dvc.lock files, with the stages that read it.

    An input that another stage makes counts only if all outputs of that stage have the same hashes: otherwise the
    outputs explain it.

    committed, rebuilt  the stages of both files; stages that only `committed` has were not rebuilt and do not count
    """
    changes = [change for change in compared(committed, rebuilt) if change.name in rebuilt]
    apart = {change.name for change in changes if change.apart}
    sentences = defaultdict[str, list[str]](list)
    for change in changes:
        before, after = committed.get(change.name, NO_STAGE), rebuilt[change.name]
        unexplained = [path for path, maker in change.earlier.items() if maker not in apart]
        for name in () if change.side else (*change.inputs, *unexplained):
            sentences[_input(name, before, after)].append(change.name)
        if change.side:
            sentences[f"{LOCK} has no stage {change.name}"].append(change.name)
    return {f"{sentence} (stages: {', '.join(stages)})": stages for sentence, stages in sentences.items()}


def _input(name: str, before: Stage, after: Stage) -> str:
    if name == "cmd":
        return f"{LOCK} was made with another command: {before.cmd}"
    if name in before.params | after.params:
        one, other = (stage.params.get(name, "nothing") for stage in (before, after))
        return f"{LOCK} was made with {name} {one}, {PARAMS} has {other}"
    if name not in after.deps:
        return f"{LOCK} was made with {name}, which is no input of the committed stage"
    return f"{LOCK} was made with another {name}" if name in before.deps else f"{LOCK} has no hash of the input {name}"


def edits(results: list[Result], changes: list[Change]) -> Iterator[str]:
    """Yield sentences about outputs, or their hashes in dvc.lock, that were edited after their stage made them.

    changes  the comparison of the stages in the two dvc.lock files
    """
    with_same_inputs = {change.name for change in changes if not (change.side or change.inputs or change.earlier)}
    sentences = defaultdict[str, list[str]](list)
    for stage in dict.fromkeys(result.output.stage for result in results):
        of_stage = [result for result in results if result.output.stage == stage]
        if stage in with_same_inputs and not any(result.hash_same or result.content_same for result in of_stage):
            yield NOT_FOUND.format(stage=stage)
            continue
        for result in of_stage:
            if sentence := _edit(result, own=stage in with_same_inputs):
                sentences[sentence].append(result.output.path)
    for sentence, paths in sentences.items():
        more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
        yield f"{', '.join(paths[:NAMED])}{more}: {sentence}"


def _edit(result: Result, *, own: bool) -> str:
    """Return a sentence about an edit of the output or of its hash in dvc.lock; "" if they show none.

    own  whether the stage has the same inputs in both dvc.lock files, so its outputs have to be the same
    """
    stage, in_git = result.output.stage, result.output.in_git
    if in_git and not result.committed:
        return "not committed, or under another name"
    if in_git and result.digest not in {result.locked, result.relocked}:
        recorded = "the hash of what was rebuilt" if result.hash_same else "another hash"
        return f"edited after {stage} made it: {LOCK} has {recorded}"
    if result.same or not (own or result.content_same):
        return ""
    if in_git and not result.content_same:
        return f"edited or replaced, and {LOCK} with it: {stage} has the same inputs"
    return f"{LOCK} is old, edited or made up: {stage} makes it with another hash"
