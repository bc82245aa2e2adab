"""No sequence of questions that the rule on seeds admits claims more often than in one of twenty cases."""

from runpy import run_path

import pytest
from projects import ROOT
from promises import error

COUNT = 150
benchmark = run_path(str(ROOT / "benchmarks/seeds.py"))


@pytest.mark.parametrize("sequence", benchmark["SEQUENCES"].values(), ids=benchmark["SEQUENCES"])
def test_each_answer_of_a_sequence_claims_in_one_of_twenty_cases(sequence):
    claims = benchmark["shares"](sequence, COUNT)
    assert claims.any()
    assert (claims < 0.05 + error(0.05, COUNT)).all()
