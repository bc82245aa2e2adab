"""What is drawn follows the exact distribution, and is the same alone and beside other texts."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from charloom.core.network import rnn
from charloom.core.network.recipe import KERNEL, NUMPY
from charloom.core.network.rnn import Parameters
from charloom.core.network.state import BLOCK
from charloom.sampling import writing as sampling
from charloom.sampling.writing import Choice

DRAWS = {KERNEL: 200_000, NUMPY: 20_000}
LEVEL = 1e-3  # of each chi-square test; with fixed seeds a passing test passes for ever
CHOICES = [Choice(t, k, p) for t in (0.5, 1.0, 2.0) for k, p in ((0, 1.0), (4, 1.0), (0, 0.8), (6, 0.7))]


def distribution(o, choice: Choice):
    """Return the exact probabilities (K,) of a choice from the outputs o (K,), by sorting in plain Python."""
    scaled = np.asarray(o, np.longdouble) / choice.temperature
    p = np.exp(scaled - scaled.max())
    p /= p.sum()
    order = sorted(range(len(p)), key=lambda k: (-p[k], k))[: choice.top_k or None]
    kept, total = [], sum(p[k] for k in order)
    for k in order:
        kept.append(k)
        if choice.top_p < 1 and sum(p[j] for j in kept) >= choice.top_p * total:
            break
    chosen = np.zeros_like(p)
    chosen[kept] = p[kept]
    return chosen / chosen.sum()


def chain(seed=1, K=9, m=5) -> Parameters:
    """Return a network without memory: what follows depends on the last character alone."""
    theta = rnn.init(m, K, 1.5, np.random.default_rng(seed))
    theta.W[...] = 0
    return theta


def transitions(theta: Parameters, choice: Choice, backend: str, count: int = 40):
    """Return how often each character followed each (K, K), over so many draws of that many texts at once."""
    random = [sampling.random_stream(3, sampling.ON_DEMAND, 0, number) for number in range(count)]
    first = np.arange(count) % theta.K
    written = sampling.blocks(theta, np.zeros((count, theta.m)), first, random, choice, backend)
    each = DRAWS[backend] // count
    ids = np.concatenate([first[:, None], *(ids for ids, _ in islice(written, -(-each // BLOCK)))], axis=1)
    counts = np.zeros((theta.K, theta.K), int)
    np.add.at(counts, (ids[:, :each], ids[:, 1 : each + 1]), 1)
    assert counts.sum() == DRAWS[backend]
    return counts


def chi_square(counts, expected) -> float:
    """Return the probability of counts at least as far from the expected ones; rare cells count as one of five."""
    order = np.argsort(expected)
    rare = max(int(np.searchsorted(np.cumsum(expected[order]), 5)) + 1, int((expected < 5).sum()))
    n, e = (np.append(each[order[rare:]], each[order[:rare]].sum()) for each in (counts, expected))
    return float(stats.chi2.sf(np.sum((n - e) ** 2 / e), len(n) - 1)) if len(n) > 1 else 1.0


@pytest.mark.parametrize("dtype", [np.float64, pytest.param(np.float32, marks=pytest.mark.slow)])
@pytest.mark.parametrize("choice", CHOICES, ids=str)
@pytest.mark.parametrize("backend", [KERNEL, pytest.param(NUMPY, marks=pytest.mark.slow)])
def test_draws_follow_the_exact_distribution(choice, dtype, backend):
    theta = Parameters(chain().flat.astype(dtype), 5, 9)
    counts = transitions(theta, choice, backend)
    wide = Parameters(theta.flat.astype(float), 5, 9)
    for x in range(9):
        _, o = rnn.forward(wide, np.array([x]), np.zeros(5))
        exact = distribution(o[0], choice).astype(float)
        assert not counts[x][exact == 0].any()
        if counts[x].sum() >= 100:
            assert chi_square(counts[x], exact * counts[x].sum()) > LEVEL


def one(o, choice: Choice, draws=1, dtype=np.float64, random=None, backend=KERNEL):
    """Return characters drawn with the outputs o (K,), whatever was written before."""
    theta = rnn.filled(0.0, 1, len(o), dtype)
    theta.c[:] = o
    written = sampling.blocks(
        theta, np.zeros((1, 1)), np.array([0]), [random or np.random.default_rng(1)], choice, backend
    )
    return np.concatenate([ids for ids, _ in islice(written, -(-draws // BLOCK))], axis=1)[0, :draws]


@given(st.lists(st.sampled_from([-np.inf, -3.0, 0.0, 2.0, 2.0 + 1e-15]), min_size=1, max_size=40))
def test_temperature_zero_takes_the_first_of_the_likeliest(o):
    if np.isfinite(o).any():
        for backend in (KERNEL, NUMPY):
            assert set(one(o, Choice(0.0, 3, 0.5), backend=backend)) == {np.argmax(o)}


@given(
    o=st.lists(st.sampled_from([-800.0, -3.0, 0.0, 0.5, 1.0]), min_size=1, max_size=260),
    top_k=st.integers(0, 45), top_p=st.sampled_from([1e-300, 0.25, 0.5, 0.999, 1.0]),
)  # fmt: skip
def test_top_k_and_top_p_keep_the_first_of_equals_and_no_more_than_needed(o, top_k, top_p):
    choice = Choice(1.0, top_k, top_p)
    exact = distribution(o, choice)
    drawn = one(o, choice, 3000)
    assert set(drawn) <= set(np.flatnonzero(exact))
    assert {k for k in range(len(o)) if exact[k] > 0.02} <= set(drawn)


class Extreme:
    """A random stream that gives the least, or the most, that one can give."""

    def __init__(self, number: float):
        self.number = number

    def random(self, count: int):
        return np.full(count, self.number)


@pytest.mark.parametrize("choice", [Choice(1.0), Choice(0.7, 3), Choice(1.0, 0, 0.999999)], ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("backend", [KERNEL, NUMPY])
def test_extreme_random_numbers_draw_the_first_and_last_possible_character(choice, dtype, backend):
    o = [-np.inf, -1e30, 0.3, 0.1, 0.2, -1e30, -np.inf]
    chosen = choice.top_k > 0 or choice.top_p < 1  # from the likeliest down, else by id
    for number, expected in ((0.0, 2), (1 - 2.0**-53, 3 if chosen else 4)):
        assert set(one(o, choice, BLOCK, dtype, Extreme(number), backend)) == {expected}


def test_probabilities_along_a_text_equal_those_of_the_reference():
    theta = rnn.init(33, 30, 0.15, np.random.default_rng(5))
    h = np.random.default_rng(6).normal(size=33)
    ids, p = next(sampling.blocks(theta, h[None], np.array([4]), [np.random.default_rng(1)], Choice(1.3), KERNEL))
    read = np.concatenate([[4], ids[0]])
    _, o = rnn.forward(theta, read[:-1], h)
    expected = np.exp(rnn.log_softmax(o))[np.arange(len(ids[0])), read[1:]]
    np.testing.assert_allclose(p[0], expected, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("m", "K"), [(1, 1), (3, 4), (57, 25), (100, 83)])
def test_a_text_is_the_same_to_the_bit_alone_and_beside_others(m, K, dtype):
    drawn = rnn.init(m, K, 0.6, np.random.default_rng(2))
    theta = Parameters(drawn.flat.astype(dtype), m, K)
    h, first = np.random.default_rng(3).normal(size=(64, m)), np.random.default_rng(4).integers(0, K, 64)

    def written(rows):
        random = [sampling.random_stream(1, sampling.ON_DEMAND, 7, number) for number in rows]
        both = islice(sampling.blocks(theta, h[rows], first[rows], random, Choice(0.8, 20, 0.95), KERNEL), 2)
        return [array.tobytes() for ids, p in both for row in zip(ids, p, strict=True) for array in row]

    together = written(range(64))
    for number in (0, 1, 17, 63):
        alone = written([number])
        assert alone == [*together[2 * number : 2 * number + 2], *together[128 + 2 * number : 128 + 2 * number + 2]]
    assert written(range(6)) == [*together[:12], *together[128:140]]


def test_no_sample_shares_a_stream_with_another_or_with_the_initial_weights():
    streams = [np.random.default_rng(7)]
    for update in (0, 1, 10_000, 20_000):
        streams += [sampling.random_stream(7, kind, update) for kind in (1, 2, 3)]
        streams += [sampling.random_stream(7, 3, update, number) for number in (1, 2, 99)]
    assert len({stream.random() for stream in streams}) == len(streams)
    assert sampling.random_stream(7, 3, 5).random() == sampling.random_stream(7, 3, 5, 0).random()
