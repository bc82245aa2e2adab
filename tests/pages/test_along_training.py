"""What the page computes of a training: its first updates again, its loss by position, marks in its samples."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import ROOT
from runs import PARAMS

from charloom.core.config.records import SampleMarks
from charloom.core.kernel.advance import advance
from charloom.core.network.state import initial_state
from charloom.core.text.corpus import read_text
from charloom.core.text.vocabulary import Vocabulary
from charloom.pages.along_updates import points_of, settled
from charloom.pages.experiment.first_updates import UPDATES, jumps, replay
from charloom.pages.experiment.loss import folded, pair_costs, smoothed
from charloom.pages.experiment.samples import pieces

spans = st.lists(st.integers(0, 30), max_size=8, unique=True).map(sorted)


@pytest.mark.slow
@pytest.mark.parametrize("held", [False, True])
def test_the_inputs_of_units_equal_those_of_plain_loops(results, held):
    """The mean over all draws of the signs in W is taken over 4,000 draws."""
    params, text = results.params.model_copy(update={"m": 5, "eta": 0.8, "seq_length": 6}), results.corpus
    K, T, rng = len(text.vocabulary), params.seq_length, np.random.default_rng(7)
    first = replay(params.recipe, params.seed, 4, K, text.training, held)
    state = initial_state(params.recipe, K, params.seed)
    W_0 = state.theta.W.copy()
    for update in range(5):
        W, h = state.theta.W, [state.h[0]]
        for x in text.training[update * T : (update + 1) * T].astype(int):
            h.append(np.tanh(W @ h[-1] + state.theta.U[:, x] + state.theta.b))
        sums = [sum(W[i, j] * own[j] for j in range(5)) ** 2 for own in h[:-1] for i in range(5)]
        drawn = [np.square(W * rng.choice([-1, 1], W.shape) @ np.array(h[:-1]).T).mean() for _ in range(4000)]
        assert first.saturated[update] == pytest.approx(np.mean(np.abs(h[1:]) > 0.99))
        assert first.sums[update] == pytest.approx(np.sqrt(np.mean(sums)), rel=1e-9)
        assert first.drawn[update] == pytest.approx(np.sqrt(np.mean(drawn)), rel=0.03)
        state = advance(state, text.training, 1, params.recipe).after
        if held:
            state.theta.W[:] = W_0
    assert max(first.saturated) > 0


@pytest.mark.slow
def test_the_first_jump_grows_with_eta_and_m_and_not_with_sigma():
    """README, the page and benchmarks/first_updates.md say so, of the novel."""
    novel = "".join(read_text(ROOT / "data/moby_dick.txt"))
    vocabulary = Vocabulary("".join(sorted(set(novel))))
    ids = vocabulary.encode(novel[:2000])

    def first(eta, sigma, m=100, held=False):
        recipe = PARAMS.model_copy(update={"eta": eta, "sigma": sigma, "m": m}).recipe
        return replay(recipe, 1, 50, len(vocabulary), ids, held)

    jumping = [first(0.1, 0.01), first(0.1, 0.1), first(0.05, 0.1), first(0.4, 0.01, 25)]
    calm = [first(0.01, 0.01), first(0.01, 0.001), first(0.1, 0.01, 10), first(0.1, 0.01, held=True)]
    assert [jumps(each) for each in jumping] == [True] * 4  # 10, 1, 0.5 and 40 standard deviations
    assert [jumps(each) for each in calm] == [False] * 4  # 1, 10, 10, 10
    assert min(max(each.saturated) for each in jumping) > 0.4
    assert max(max(each.saturated) for each in calm) < 0.05
    assert jumping[0].losses[1] < jumping[0].losses[0]  # after the step of ten standard deviations nothing has jumped
    assert jumping[0].sums[3] > 3 * jumping[0].drawn[3]  # the signs agree


@pytest.mark.parametrize("characters", [30, 31, None])
def test_replayed_first_updates_equal_those_of_training_also_across_an_epoch_end(results, characters):
    params, ids, K = results.params, results.corpus.training[:characters], len(results.corpus.vocabulary)
    first = replay(params.recipe, params.seed, params.train.updates, K, ids)
    rows = advance(initial_state(params.recipe, K, params.seed), ids, UPDATES + 1, params.recipe)
    assert first.losses == rows.losses.tolist()


def test_smooth_loss_is_folded_over_the_epoch_at_every_hundredth_sequence():
    loss = {update: 100.0 - update / 1000 for update in range(5000, 25_001, 100)}
    curves = folded(loss, 9_950, 25)
    assert list(curves) == [1, 2, 3]
    assert min(curves[1]) == 5000 * 25
    assert [*curves[2].items()][:2] == [(0, loss[10_000]), (2500, loss[10_100])]  # 50 and 150 sequences into the epoch
    assert curves[3][0] == loss[19_900]


def test_the_costs_of_pairs_equal_those_counted_by_hand():
    ids = np.array([0, 1, 0, 1, 0, 2, 0, 1, 1], np.uint8)
    pairs = list(pairwise(ids))
    costs = [-math.log(pairs.count((a, b)) / sum(first == a for first, _ in pairs)) for a, b in pairs]
    assert pair_costs(ids, 3, 4) == pytest.approx([sum(costs[:4]), sum(costs[4:])])
    assert pair_costs(ids, 3, 3) == pytest.approx([sum(costs[:3]), sum(costs[3:6])])
    more = np.tile(ids, 5)
    assert pair_costs(more, 3, 4).tolist() == pair_costs(more, 300, 4).tolist()  # K² below, and above the pairs


def test_pairs_are_smoothed_as_smooth_loss_is():
    costs = np.random.default_rng(1).normal(60, 5, 1000)
    expected, smooth = {}, costs.mean()
    for first in [*range(0, 1000, 100)] * 2:  # twice round, a block of a hundred at a time
        expected[first * 25] = smooth
        smooth = 0.999**100 * smooth + (1 - 0.999**100) * costs[first : first + 100].mean()
    assert smoothed(costs, 25) == pytest.approx(expected)


@pytest.mark.parametrize("most", range(2, 12))
def test_a_thinned_curve_keeps_its_first_and_last_point_and_the_limit(most):
    for length in range(1, 60):
        curve = {3 * n: n / 7 for n in range(length)}
        kept = points_of(curve, most)
        assert len(kept) <= most
        assert kept.items() <= curve.items()
        assert {0, 3 * (length - 1)} <= set(kept)


def test_a_settled_curve_omits_the_first_twentieth_unless_points_are_few():
    curve = dict.fromkeys(range(0, 1001, 10), 1.0)
    assert list(settled(curve, 1000)) == list(range(50, 1001, 10))
    few = {0: 1.0, 40: 1.0, 500: 1.0, 1000: 1.0}
    assert settled(few, 1000) == few


@given(st.text("ab <&", max_size=30), spans, st.tuples(st.integers(0, 30), st.integers(0, 30)), st.integers(1, 40))
def test_pieces_are_the_text_and_each_character_has_its_marks(text, cuts, copied, most):
    ends = [min(cut, len(text)) for cut in cuts]
    unknown = [(a, b) for a, b in zip(ends[::2], ends[1::2], strict=False) if a < b]
    start, end = sorted(min(each, len(text)) for each in copied)
    found = pieces(text, SampleMarks(copied=(start, end), unknown=unknown), most)
    assert "".join(each.text for each in found) == text[:most]
    place = 0
    for each in found:
        for i in range(place, place + len(each.text)):
            assert each.copied == (start <= i < end)
            assert each.unknown == any(a <= i < b for a, b in unknown)
        place += len(each.text)
