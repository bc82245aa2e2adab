"""Samplers: `check` accepts the right ones, and names the fault of a wrong one."""

import pytest
from test_steps import judged

from rnncheck.verdicts import faults

SLOW = pytest.mark.slow
SAMPLER = """
import numpy as np

def following(weights, h, x):
    h = np.tanh(weights["W"] @ h + weights["U"][:, x] + weights["b"])
    p = np.exp(weights["V"] @ h + weights["c"])
    return p / p.sum(), h

def sample(weights, h, x, n, rng):
    {start}
    text = []
    for _ in range(n):
        p, {state} = following(weights, h, {input})
        {draw}
        text.append(x)
    return text
"""
DRAWN = {"start": "h = h.copy()", "state": "h", "input": "x", "draw": "x = int(np.random.choice(len(p), p=p))"}


@pytest.mark.parametrize(
    "draw",
    [
        DRAWN["draw"],
        pytest.param("x = int(np.searchsorted(np.cumsum(p), rng.random()))", marks=SLOW),
        pytest.param("x = int(np.nonzero(np.cumsum(p) > np.random.rand())[0][0])", marks=SLOW),
    ],
)
def test_a_right_sampler_is_right(draw):
    assert judged("sample", SAMPLER, DRAWN | {"draw": draw}).result == "right"


def test_a_right_distribution_of_the_next_character_is_right():
    assert judged("following", SAMPLER, DRAWN).result == "right"


def test_a_distribution_that_is_no_number_is_wrong():
    assert judged("following", SAMPLER.replace("p / p.sum()", "p * np.nan"), DRAWN).result == "wrong"


def test_a_text_may_begin_with_the_given_character():
    counted = SAMPLER.replace("text = []", "text = [x]").replace("return text", "return text[:n]")
    assert judged("sample", counted, DRAWN).result == "right"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "slots"),
    [
        ("likeliest", {"draw": "x = int(np.argmax(p))"}),
        ("uniform", {"draw": "x = int(rng.integers(len(p)))"}),
        ("temperature", {"draw": "p = p ** 2 / (p ** 2).sum(); x = int(rng.choice(len(p), p=p))"}),
        ("fixed_input", {"input": "first", "start": "first = x"}),
        ("fixed_seed", {"start": "rng = np.random.default_rng(1)", "draw": "x = int(rng.choice(len(p), p=p))"}),
        ("h_ignored", {"start": "h = 0 * h"}),
        ("state_lost", {"state": "_"}),
        ("first_twice", {"start": "_, h = following(weights, h, x)"}),
        ("used_state", {"start": "h = kept.get(0, h)", "draw": DRAWN["draw"] + "; kept[0] = h"}),
    ],
)
def test_a_wrong_sampler_has_its_name(fault, slots):
    verdict = judged("sample", "kept = {}\n" + SAMPLER, DRAWN | slots)
    assert [f.sentences for f in verdict.findings] == [(faults()["sample"][fault],)]


@pytest.mark.slow
def test_a_sampler_that_reseeds_a_generator_is_right_and_gets_a_note():
    for start in ("np.random.seed(400)", "import random; random.seed(3)"):
        draw = DRAWN["draw"] if "np" in start else "x = random.choices(range(len(p)), p)[0]"
        verdict = judged("sample", SAMPLER, DRAWN | {"start": start, "draw": draw})
        assert (verdict.result, verdict.findings) == ("right", ())
        assert "every text is the same" in verdict.notes[0]
    wrong = judged("sample", SAMPLER, DRAWN | {"start": "np.random.seed(400)", "state": "_"})
    assert [f.sentences for f in wrong.findings] == [(faults()["sample"]["state_lost"],)]
