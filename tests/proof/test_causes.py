"""What the outputs of a commit tell together: why some are not what its stages make, and how near they come."""

import json

import pytest

from charloom.proof.explanations import (
    ANOTHER,
    SAME_BITS,
    SAME_CONCLUSION,
    SAME_TEXT,
    WITHIN,
    agreement_of,
    contradictions,
    edits,
)  # fmt: skip
from charloom.proof.outputs import Output, Result
from dvc_proof.lock import Stage

TRAIN, PLOT = Stage("x", {"a": "1"}, {"eta": 2}, {}), Stage("y", {"a.csv": "a"}, {}, {})


def made(letters, path="a.csv", stage="train", *, cached=False):
    """Return an output. The letters are its content by dvc.lock, in Git ('.': not there), and as it was made again."""
    locked, committed, rebuilt = letters
    name = path.rpartition("/")[2]
    known = {} if committed == "." else {name: committed.encode()}
    digest = None if committed == "." else committed
    return Result(Output(stage, path, not cached), locked, rebuilt, digest, known, {name: rebuilt.encode()})


def told(results, **before):
    """Return the causes. Before, the inputs of train were others in these ways."""
    sides = []
    for name in ("locked", "relocked"):
        outs = {result.output.path: getattr(result, name) for result in results if result.output.stage == "train"}
        sides.append({"train": TRAIN._replace(outs=outs), "plot": PLOT._replace(deps=outs)})
    sides[0]["train"] = sides[0]["train"]._replace(**before)
    return [*contradictions(*sides), *edits(results, *sides)]


SAME = made("aaa", "same.json")
EDITED = "dvc.lock was edited: train makes other outputs with the same hashes from the same inputs"
BOTH = f"edited after train made it, and {EDITED.replace(' was edited', ' too')}"
MADE = "dvc.lock was made with other sources or on a machine with other arithmetic, or edited"
OTHER = f"train makes other hashes from the same inputs: {MADE}"


@pytest.mark.parametrize(("results", "expected"), [
    ([SAME, made("aaa")], []),
    ([SAME, made("aba")], ["a.csv: edited after train made it: dvc.lock has the hash of what was rebuilt"]),
    ([SAME, made("abc")], ["a.csv: edited after train made it: dvc.lock has another hash"]),
    ([SAME, made("baa")], [f"a.csv: {EDITED}"]),
    ([SAME, made("bba")], [f"a.csv: {BOTH}"]),
    ([SAME, made("bba"), made("b.a", "b.npz", cached=True)], [f"a.csv: {BOTH}", f"b.npz: {EDITED}"]),
    ([made("bba"), made("b.a", "b.npz", cached=True)], [f"a.csv, b.npz: {OTHER}"]),
    ([made("bba"), made("bba", "late.csv", "plot")], [f"a.csv: {OTHER}"]),
])  # fmt: skip
def test_the_edit_that_explains_it_is_named(results, expected):
    assert told(results) == expected


def test_what_follows_from_another_input_is_not_called_an_edit_and_an_edit_is_told_beside_it():
    moved = "dvc.lock was made with eta 1, params.yaml has 2 (stages: train)"
    assert told([SAME, made("bba"), made("bba", "late.csv", "plot")], params={"eta": 1}) == [moved]
    assert told([SAME], params={"eta": 0}) == ["dvc.lock was made with eta 0, params.yaml has 2 (stages: train)"]
    expected = [moved, "a.csv: edited after train made it: dvc.lock has another hash"]
    assert told([SAME, made("abc"), made("bba", "b.csv")], params={"eta": 1}) == expected


@pytest.mark.parametrize(("costs", "samples", "reached"), [
    (2.8, "a", SAME_BITS), (2.8 + 1e-9, "a", SAME_TEXT), (2.8 + 1e-9, "b", WITHIN), (2.809, "a", SAME_CONCLUSION),
    (2.811, "a", ANOTHER), (None, "a", ANOTHER),
])  # fmt: skip
def test_the_agreement_says_how_near_it_comes(costs, samples, reached):
    figures = [json.dumps({"held_out_bits_per_character": each, "updates": 4}) for each in (2.8, costs)]
    table = made(("a", ".", samples), "reports/sample_table.json", cached=True)
    assert agreement_of([made((figures[0], *figures), "metrics/train.json"), table]) == reached
