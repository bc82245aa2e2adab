"""The loop: which characters each update sees, what is carried, and what the rows of the trace mean."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import ROOT
from recipes import recipe

from charloom.core.base.errors import Diverged
from charloom.core.config.params import Params
from charloom.core.config.reading import read_params
from charloom.core.kernel.advance import advance
from charloom.core.network import rnn
from charloom.core.network.order import AS_IT_STANDS, CHUNKS, POSITIONS, Order
from charloom.core.network.state import TrainState, UpdateResults, initial_state
from charloom.core.text.corpus import Text
from charloom.core.text.vocabulary import Vocabulary
from charloom.core.training import trace
from charloom.core.training.loop import train
from charloom.core.training.protocol import Training

TEXT = "abcdefghij"
IDS = Vocabulary(TEXT).encode(TEXT)
RECIPE = recipe(accumulator=1.0)


def fresh(recipe=RECIPE, seed=1):
    return initial_state(recipe, len(TEXT), seed)


def by_the_book(recipe, ids, updates, seed=1):
    """Return losses (updates,), and smooth losses, weights and states before each update, one sequence at a time."""
    starts, zero = recipe.places(0, updates + 1, len(ids), seed)
    (theta, kept), h = recipe.initial(len(TEXT), seed), np.zeros((recipe.batch, 4))
    losses, smooth, weights, states = [], [], [], []
    for update in range(updates + 1):
        h[zero[update]], mean, batch = 0, rnn.filled(0.0, 4, len(TEXT)), []
        weights.append(theta.flat.copy())
        states.append(h.copy())
        for k, place in enumerate(starts[update]):
            loss, gradients, h[k] = rnn.loss_and_gradients(theta, ids[place:][:3], ids[place + 1 :][:3], h[k])
            mean.flat[:] += gradients.flat / recipe.batch / (3 if recipe.loss == "mean" else 1)
            batch.append(loss)
        losses.append(np.mean(batch))
        smooth.append(losses[-1] if not smooth else 0.999 * smooth[-1] + 0.001 * losses[-1])
        recipe.step(theta, kept, mean, update)
    return losses, smooth, weights, states


@pytest.mark.parametrize("order", [AS_IT_STANDS, Order(CHUNKS, 7), Order(POSITIONS)], ids=str)
@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("loss_of", ["sum", "mean"])
def test_the_loop_follows_the_recipes_order_and_carries_the_state(order, n, loss_of):
    """network/test_order.py has what the orders are."""
    recipe, ids = replace(RECIPE, order=order, batch=n, loss=loss_of), np.random.default_rng(1).integers(0, 10, 40)
    losses, smooth, weights, states = by_the_book(recipe, ids, 20)
    rows = list(train(fresh(recipe), ids, 20, (1,), recipe))
    assert [r.state.update for r in rows] == list(range(21))
    assert [r.losses[0] for r in rows] == pytest.approx(losses, rel=1e-11)
    assert [r.smooth_losses[0] for r in rows] == pytest.approx(smooth, rel=1e-11)
    for r, w, h in zip(rows, weights, states, strict=True):
        np.testing.assert_allclose(r.state.theta.flat, w, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(r.state.h, h, rtol=1e-10, atol=1e-12)


def test_the_best_weights_are_those_of_the_lowest_smooth_loss():
    _, smooth, weights, states = by_the_book(RECIPE, IDS, 40)
    best = list(train(fresh(), IDS, 40, (7, 10), RECIPE))[-1].best
    lowest = int(np.argmin(smooth))
    assert lowest > 0
    assert (best.update, best.smooth_loss) == (lowest, pytest.approx(smooth[lowest], rel=1e-12))
    np.testing.assert_allclose(best.theta.flat, weights[lowest], rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(best.h, states[lowest][0], rtol=1e-11, atol=1e-13)


def test_the_last_row_is_a_loss_without_a_step_and_may_be_the_best():
    tame = recipe(accumulator=10.0)
    rows = list(train(fresh(tame), IDS, 30, (100,), tame))
    assert [len(r.losses) for r in rows] == [30, 1]
    assert rows[-1].state.update == rows[-1].best.update == 30
    assert np.array_equal(rows[-1].best.theta.flat, rows[-1].state.theta.flat)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 40))
def test_blocks_start_at_every_multiple_and_do_not_change_the_numbers(one, other, updates):
    rows = list(train(fresh(), IDS, updates, (one, other), RECIPE))
    starts = {r.state.update for r in rows}
    assert starts >= set(range(0, updates + 1, one)) | set(range(0, updates + 1, other)) | {updates}
    at_once = list(train(fresh(), IDS, updates, (1000,), RECIPE))
    for column in ("losses", "smooth_losses"):
        blocks, whole = (np.concatenate([getattr(r, column) for r in each]) for each in (rows, at_once))
        assert np.array_equal(blocks, whole)
    assert np.array_equal(rows[-1].state.theta.flat, at_once[-1].state.theta.flat)
    assert np.array_equal(rows[-1].best.theta.flat, at_once[-1].best.theta.flat)


def diverging(state, **changes):
    rows = []
    with pytest.raises(Diverged) as caught:
        rows += train(state, IDS, 5, (5,), recipe(**{"accumulator": 1.0} | changes))
    return str(caught.value), caught.value.state


def test_training_stops_at_the_first_loss_gradient_or_weight_that_is_not_finite():
    state = fresh()
    state.theta.V[0, 0] = np.inf
    assert diverging(state)[0].startswith("training diverged at update 0: the loss is nan")
    state = fresh()
    state.theta.W[...] = 1e200 * np.eye(4)  # the states do not saturate at zero; the way back through time overflows
    state.theta.U[...] = 0
    state.theta.b[...] = 0
    assert diverging(state)[0].startswith("training diverged at update 0: a gradient is not finite")
    message, last = diverging(fresh(), eta=1.7e308)
    assert (message.startswith("training diverged at update 1: "), last.update) == (True, 1)
    assert np.isfinite(last.theta.flat).all()
    single = {"dtype": "float32", "eta": 1e39}  # more than a float32 can be
    assert diverging(fresh(recipe(**single)), **single)[0].startswith("training diverged at update 0: a weight is not")


def traced(losses, cuts, sequences=3, target=5.5):
    whole = trace.EMPTY
    for part in np.split(np.array(losses), cuts):
        rows = UpdateResults(None, None, part, part, np.empty((0, 4)))
        whole = trace.extended(whole, rows, sequences, target)
    return whole


def test_epoch_means_and_the_first_row_below_the_target_by_hand():
    whole = traced([9.0, 7, 8, 6, 5, 4, 9], [])
    assert trace.epoch_means(whole, 3) == {2: 8.0, 5: 5.0, 6: 9.0}
    assert whole.first_below == 4


@given(st.lists(st.floats(0, 100), min_size=1, max_size=350), st.data())
def test_a_trace_does_not_depend_on_where_its_rows_were_cut(losses, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(losses)), max_size=5)))
    whole, cut = traced(losses, []), traced(losses, cuts)
    assert whole.smooth_losses.tolist() == losses[::100]
    assert whole.losses.tolist() == losses[:100]
    for name in ("rows", "smooth_losses", "losses", "epoch_sums", "first_below"):
        assert np.array_equal(getattr(whole, name), getattr(cut, name))
    for name in ("smooth_losses", "losses", "epoch_sums"):
        assert trace.shapes(len(losses), 3)[name] == getattr(cut, name).shape


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_statistics_are_those_of_the_gradients_before_clipping(dtype):
    drawn = rnn.init(4, len(TEXT), 1.5, np.random.default_rng(5))
    theta = rnn.Parameters(drawn.flat.astype(dtype), 4, len(TEXT))
    h = np.array([0.995, -0.2, 0.4, -0.995], dtype)  # saturated units of the state that is carried in do not count
    ids = Vocabulary(TEXT).encode("abafghabaj")  # a character that occurs twice in a sequence has one gradient
    narrow = recipe(clip=0.25, dtype=np.dtype(dtype).name, accumulator=1.0)
    state = TrainState(3000, theta, narrow.accumulators(len(TEXT)), h[None])
    (statistics,) = advance(state, ids, 1, narrow).statistics
    loss, gradients, _ = rnn.loss_and_gradients(rnn.Parameters(drawn.flat, 4, len(TEXT)), ids[:3], ids[1:4], h)
    hidden = [h.astype(float)]
    for x in ids[:3]:
        hidden.append(np.tanh(drawn.W @ hidden[-1] + drawn.U[:, x] + drawn.b))
    g = gradients.flat
    expected = [loss, np.sqrt(np.sum(g * g)), np.mean(np.abs(g) > 0.25), np.mean(np.abs(hidden[1:]) > 0.99)]
    assert statistics == pytest.approx(expected, rel=1e-5 if dtype == np.float32 else 1e-12)
    assert 0 < expected[2] < 1
    assert 0 < expected[3] < 1
    assert expected[3] != np.mean(np.abs(hidden[:-1]) > 0.99)


def test_the_model_of_a_batch_goes_on_where_its_last_sequence_ends():
    ids = np.random.default_rng(1).integers(0, 10, 100).astype(np.uint8)
    values = read_params(ROOT / "params.yaml").model_dump() | {"m": 4, "seq_length": 10, "batch": 2}
    training = Training(Params.model_validate(values), Text(Vocabulary(TEXT), ids, ids[:0]), Path(), {})
    state = training.initial()
    models = [training.model(update, 1.0, state.theta, state.carried) for update in range(3)]
    assert [model.first for model in models] == [*ids[[40, 50, 60]]]  # nine sequences: the second part begins at 40
