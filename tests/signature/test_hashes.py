"""What learning, reading and writing come to here is what it came to on the machine that wrote signature.json."""

import json

import pytest
from projects import ROOT

from charloom.signature.hashes import RECIPES, costs, probes, signature, texts

COMMITTED = json.loads((ROOT / "signature.json").read_text())


def test_the_probes_are_the_committed_ones():
    assert probes() == COMMITTED["probes"]


@pytest.mark.parametrize("name", RECIPES)
def test_training_comes_to_the_committed_hashes(name):
    assert signature(name) == COMMITTED[name]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("part", "compute"), [("costs", costs), ("texts", texts)])
def test_reading_and_writing_come_to_the_committed_hashes(part, compute, dtype):
    assert compute(dtype) == COMMITTED[part][dtype]
