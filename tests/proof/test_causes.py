"""How far a verification's results agree with the committed ones."""

import hashlib
import json

import pytest

from charloom.proof.agreement import ANOTHER, SAME_BITS, SAME_CONCLUSION, SAME_TEXT, WITHIN, agreement_of
from dvc_proof.differences import OutputDifference
from dvc_proof.verify import VerificationReport


@pytest.mark.parametrize(("costs", "samples", "reached"), [
    (2.8, "a", SAME_BITS), (2.8 + 1e-9, "a", SAME_TEXT), (2.8 + 1e-9, "b", WITHIN),
    (2.801, "a", SAME_CONCLUSION), (2.809, "a", SAME_CONCLUSION),
    (2.811, "a", ANOTHER), (None, "a", ANOTHER),
])  # fmt: skip
def test_the_agreement_says_how_near_it_comes(tmp_path, costs, samples, reached):
    for name, cost in (("committed", 2.8), ("rebuilt", costs)):
        file = tmp_path / name / "metrics/train.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps({"held_out_bits_per_character": cost, "updates": 4}))
        digest = hashlib.sha256(str(cost).encode()).hexdigest()
        file.with_name("results.json").write_text(json.dumps({"results": digest}))
    numbers = costs != 2.8
    what = {"metrics/train.json": numbers, "metrics/results.json": numbers, "reports/sample_table.json": samples != "a"}
    rows = [OutputDifference("train", file, "differs" * differs) for file, differs in what.items()]
    assert agreement_of(VerificationReport("", rows, [], tmp_path / "committed", tmp_path / "rebuilt")) == reached
