"""Explain why rebuilt results differ from the committed ones, and how far they agree."""

import json
import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress

from charloom.core.settings.params import PARAMS
from charloom.core.settings.pipeline import LOCK, PIPELINE
from charloom.core.settings.records import MEASURE
from charloom.proof.outputs import Result
from dvc_proof.facts import compared
from dvc_proof.lock import NO_STAGE, Stage, Stages

TOLERANCE = 1e-6  # relative
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|-?Infinity|NaN")
MATTERS = 0.01  # bits per character: the smallest difference that matters to a reader
SAMPLES, METRICS = "reports/sample_table", "metrics/train"  # values of Output.key
NEAR = f"within {TOLERANCE:g} of the committed one, relative to it"
MEANINGS = {
    "the same bits": "every result is equal to the last bit",
    "the same text": f"every sample is the same, and every figure {NEAR}",
    "within tolerance": f"every figure is {NEAR}; samples are not, or not known",
    "the same conclusion": f"held-out text costs the same within {MATTERS:g} bits per character; figures differ",
    "another result": "the cost of held-out text differs by more, or is not known",
}  # from the smallest distance to the largest: the first one that holds is the agreement
SAME_BITS, SAME_TEXT, WITHIN, SAME_CONCLUSION, ANOTHER = MEANINGS

ROUNDS = "the bits differ: network/ was edited, or this machine or its versions round differently"


def agreed(costs: Sequence[float | None], networks: Collection[str]) -> str:
    """Return a line if two runs agree although their bits differ; "" if they do not.

    costs     the held-out costs of both runs, in bits per character
    networks  the `network` of both runs (see ResultsRecord). Equal digests promise equal bits; so does the kernel
    """
    known = [cost for cost in costs if cost is not None]
    if "" in networks or len(set(networks)) == 1 or len(known) < 2 or max(known) - min(known) > MATTERS:
        return ""
    one, other = known
    return f"agrees: held-out {one:.6g} and {other:.6g} bits per character; {ROUNDS}"


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
    one, other = ({"cmd": stage.cmd, **stage.params}.get(name, "nothing") for stage in (before, after))
    if one != other:
        file = PIPELINE if name == "cmd" else PARAMS
        return f"{LOCK} was made with {name} {one}, {file} has {other}"
    return f"{LOCK} was made with another {name}" if name in before.deps else f"{LOCK} has no hash of the input {name}"


def edits(results: list[Result], committed: Stages, rebuilt: Stages) -> Iterator[str]:
    """Yield sentences about outputs, or their hashes in dvc.lock, that were edited after their stage made them.

    An edit changes some outputs of a stage; another machine or other sources usually change all of them.

    committed, rebuilt  the stages of both dvc.lock files
    """
    changes = compared(committed, rebuilt)
    same = {change.name: change.same for change in changes if not (change.side or change.inputs or change.earlier)}
    sentences = defaultdict[str, list[str]](list)
    for (stage, path, in_git), locked, relocked, digest, *_ in results:
        if in_git and digest not in {None, locked, relocked}:
            recorded = "the hash of what was rebuilt" if locked == relocked else "another hash"
            sentences[f"edited after {stage} made it: {LOCK} has {recorded}"].append(path)
        elif locked != relocked and same.get(stage):
            edited = f"edited after {stage} made it, and {LOCK} too" if digest == locked else f"{LOCK} was edited"
            sentences[f"{edited}: {stage} makes other outputs with the same hashes from the same inputs"].append(path)
        elif locked != relocked and stage in same:
            reason = f"{LOCK} was made with other sources or on a machine with other arithmetic, or edited"
            sentences[f"{stage} makes other hashes from the same inputs: {reason}"].append(path)
    for sentence, paths in sentences.items():
        yield f"{', '.join(paths)}: {sentence}"


def agreement_of(results: list[Result]) -> str:
    """Return the first key of MEANINGS whose sentence holds for the results. Only outputs in Git count as figures."""
    if all(result.same for result in results):
        return SAME_BITS
    figures = [result for result in results if result.output.in_git]
    if all(_is_near(result.committed, result.rebuilt) for result in figures):
        return SAME_TEXT if all(result.same for result in results if result.output.key == SAMPLES) else WITHIN
    costs = [math.nan]
    with suppress(ValueError, LookupError, TypeError, ArithmeticError, RecursionError):  # not as the stage writes them
        (metrics,) = (result for result in figures if result.output.key == METRICS)
        costs = [float(json.loads(*files.values())[MEASURE]) for files in (metrics.committed, metrics.rebuilt)]
    return SAME_CONCLUSION if abs(costs[0] - costs[-1]) <= MATTERS else ANOTHER


def _is_near(committed: dict[str, bytes], rebuilt: dict[str, bytes]) -> bool:
    """Return whether the files are equal, except spaces and numbers whose relative difference is at most TOLERANCE."""
    one, other = (b"\n".join(files.values()) for files in (committed, rebuilt))
    words = [NUMBER.sub(b"0", side).split() for side in (one, other)]
    if committed.keys() != rebuilt.keys() or words[0] != words[1]:
        return False
    pairs = zip(*(map(float, NUMBER.findall(side)) for side in (one, other)), strict=True)
    return all(first == second or math.isclose(first, second, rel_tol=TOLERANCE) for first, second in pairs)
