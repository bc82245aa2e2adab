"""What a text costs: by the kernel, as by the equations, in one piece or in two."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charloom.base.storage import read_json
from charloom.model import scoring
from charloom.model.model_file import read_model
from charloom.network import rnn
from charloom.network.rnn import Parameters
from charloom.results.records import TrainMetrics
from charloom.text.corpus import read_prepared


def by_the_equations(theta, ids, h_0):
    """Return the nats of ids[1:], through rnn.py."""
    _, o = rnn.forward(theta, ids[:-1], h_0)
    return -rnn.log_softmax(o)[np.arange(len(ids) - 1), ids[1:]]


@given(
    m=st.sampled_from([1, 5, 33, 100]), K=st.integers(1, 40), n=st.integers(2, 450), seed=st.integers(0, 2**32),
    dtype=st.sampled_from(["float64", "float32"]),
)  # fmt: skip
def test_every_character_costs_what_the_equations_say(m, K, n, seed, dtype):
    rng = np.random.default_rng(seed)
    theta = Parameters(rnn.init(m, K, 0.1, rng).flat.astype(dtype), m, K)
    ids, h_0 = rng.integers(0, K, n).astype(np.uint8), rng.normal(0, 0.5, m)
    found = scoring.score(theta, ids, h_0)
    wide = Parameters(theta.flat.astype(float), m, K)
    near = {"rtol": 1e-12, "atol": 1e-12} if dtype == "float64" else {"rtol": 1e-4, "atol": 1e-4}
    expected = by_the_equations(wide, ids, h_0)
    np.testing.assert_allclose(found.nats, expected, **near)
    np.testing.assert_allclose(found.total, expected.sum(), **near)
    np.testing.assert_allclose(found.h, rnn.forward(wide, ids[:-1], h_0)[0][-1], **near)


@given(n=st.integers(3, 450), cut=st.integers(1, 449), seed=st.integers(0, 2**32))
def test_two_halves_with_the_carried_state_cost_the_whole(n, cut, seed):
    rng, cut = np.random.default_rng(seed), min(cut, n - 2)
    theta, ids = rnn.init(37, 20, 0.2, rng), rng.integers(0, 20, n).astype(np.uint8)
    whole = scoring.score(theta, ids, np.zeros(37))
    first = scoring.score(theta, ids[: cut + 1], np.zeros(37))
    second = scoring.score(theta, ids[cut:], first.h)
    halves = np.concatenate([first.nats, second.nats])
    np.testing.assert_allclose(halves, whole.nats, rtol=0, atol=1e-12)
    assert first.total + second.total == pytest.approx(whole.total, rel=1e-13)
    if cut % 2 == 0:  # the order of additions alternates from character to character
        assert np.array_equal(halves, whole.nats)
        assert np.array_equal(second.h, whole.h)


def test_fewer_than_two_characters_have_no_cost():
    theta = rnn.init(3, 4, 0.1, np.random.default_rng(1))
    assert scoring.bits_per_character(theta, np.array([2], np.uint8), np.ones(3)) is None
    assert scoring.score(theta, np.array([2], np.uint8), np.ones(3)).h.tolist() == [1, 1, 1]


def test_the_held_out_figure_is_the_score_of_the_held_out_end(finished):
    held_out = read_prepared(finished.folder / "data/prepared/text.npz").held_out
    train = read_json(finished.folder / "metrics/train.json", TrainMetrics)
    for name, figure in (
        ("last", train.held_out_bits_per_character),
        ("best", train.best_held_out_bits_per_character),
    ):
        model = read_model(finished.folder / f"models/{name}.npz")
        assert scoring.bits_per_character(model.theta, held_out, model.h) == figure
        expected = by_the_equations(model.theta, held_out, model.h).mean() / math.log(2)
        assert figure == pytest.approx(expected, rel=1e-12)
