"""The backend `numpy`: it runs the files of core/network, uncompiled. backends.Backend describes the functions.

The results have the same bits on the same machine with the same versions of NumPy and its BLAS; elsewhere the matrix
products, exp, log and tanh may round differently.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from charloom.core.base.errors import CheckFailed, Damaged
from charloom.core.base.types import Array
from charloom.core.network import rnn
from charloom.core.network.order import AS_IT_STANDS, CHUNKS, POSITIONS, Order
from charloom.core.network.recipe import NUMPY, OPTIMIZERS, Recipe
from charloom.core.network.rnn import Gradients, Parameters, filled
from charloom.core.network.state import (
    BLOCK,
    STATISTICS_EVERY,
    Best,
    TrainState,
    UpdateResults,
    divergence_error,
    ensure_finite,
    initial_state,
)

__all__ = ["advance", "forward", "read", "write"]

CHUNK = 100  # characters read at a time: limits the memory


@lru_cache
def network_digest(kind: str) -> str:
    """Return a digest, 16 hexadecimal digits, of results of network/ for one kind of recipe on this machine.

    kind  a kind of recipe: see Recipe.kind; for a kind of the backend `kernel`, "" is returned

    The digest is the SHA-256 of weights, losses and states of three small trainings, and of the costs of a text under
    the trained weights. The trainings are chaotic, so a different rounding or equation changes the digest.
    """
    if not kind.startswith(NUMPY):
        return ""
    *_, optimizer, dtype = kind.split()
    ids, digest = np.arange(400) ** 2 % 23, hashlib.sha256()
    rates = OPTIMIZERS[optimizer](0.1)
    others = rates._replace(**{name: value / 2 or 10.0 for name, value in rates._asdict().items()})
    for sigma, loss, order, batch in (
        (0.5, "sum", AS_IT_STANDS, rates), ("fan_in", "mean", Order(CHUNKS, 60), others),
        (0.01, "sum", Order(POSITIONS), others),
    ):  # fmt: skip
        recipe = Recipe(64, 20, sigma, 5.0, dtype, batch, loss, order, batch=2, backend=NUMPY)
        state, losses, *_ = advance(initial_state(recipe, 23, 1), ids, 30, recipe)[1:]
        nats, _, h = read(state.theta, ids, state.carried, 0.0)
        for array in (state.theta.flat, *(s.flat for s in state.accumulators), losses, nats, h):
            digest.update(array.tobytes())
    return digest.hexdigest()[:16]


@lru_cache
def forward_digest(dtype: str) -> int:
    """Return a digest, an integer below 2^64, of results of `rnn.forward` and `rnn.log_softmax` on this machine."""
    theta = Parameters(rnn.init(64, 23, 0.5, np.random.default_rng(1)).flat.astype(dtype), 64, 23)
    h, o = rnn.forward(theta, np.arange(40) % 23, np.zeros(64))
    return int.from_bytes(hashlib.sha256(h.tobytes() + rnn.log_softmax(o).tobytes()).digest()[:8], "big")


@np.errstate(all="ignore")  # a number that is not finite is reported as a divergence
def advance(state: TrainState, ids: Array, count: int, recipe: Recipe, _threads: int | None = None) -> UpdateResults:
    """Run `count` updates, one after the other, and return their results: see Backend.advance."""
    theta, smooth, best = _copied(state.theta), state.smooth_loss, state.best
    accumulators, h = tuple(map(_copied, state.accumulators)), state.h
    starts, zero = recipe.places(state.update, count + 1, len(ids), state.seed)
    losses, smooth_losses, statistics = np.empty(count), np.empty(count), list[tuple[float, ...]]()
    for row, update in enumerate(range(state.update, state.update + count)):
        sequences = ids[starts[row] + np.arange(recipe.seq_length + 1)[:, None]]
        total, g, after = summed(theta, sequences, h)
        loss = total / recipe.batch
        smooth = loss if smooth is None else 0.999 * smooth + 0.001 * loss
        if best is None or smooth < best.smooth_loss:
            best = Best(update, smooth, _copied(theta), h[-1])
        g.flat[:] *= recipe.scale
        if not (math.isfinite(loss) and np.isfinite(g.flat).all()):
            raise divergence_error(update, loss)
        if update % STATISTICS_EVERY == 0:
            statistics.append((loss, *_statistics(theta, sequences, h, g, recipe.clip)))
        moves = update == 0 and g.flat.any()
        recipe.step(theta, accumulators, g, update)
        if moves and np.array_equal(theta.flat, best.theta.flat):  # b and c start at 0, so that any step is seen
            step = f"{type(recipe.optimizer).__name__}.step"
            raise CheckFailed(f"{step} changes no weight; the method must change theta in place")
        h = np.where(zero[row + 1][:, None], after.dtype.type(0), after)
        losses[row], smooth_losses[row] = loss, smooth
    end = TrainState(state.update + count, theta, accumulators, h, smooth, best, state.seed)
    return UpdateResults(state, ensure_finite(end), losses, smooth_losses, np.array(statistics).reshape(-1, 4))


def forward(theta: Parameters, x: Array, h_0: Array) -> tuple[Array, Array]:
    """Return the states h (T + 1, m) and outputs o (T, K); see Backend.forward."""
    return rnn.forward(theta, x, h_0)


@np.errstate(all="ignore")  # a cost that is not finite is reported by the caller
def read(theta: Parameters, ids: Array, h_0: Array, total: float) -> tuple[Array, float, Array]:
    """Return the costs of ids, `total` plus the sum of the costs, and the last state: see Backend.read."""
    nats, h = np.empty(len(ids) - 1), h_0.astype(theta.flat.dtype)
    for first in range(0, len(nats), CHUNK):
        x, y = ids[first : first + CHUNK + 1][:-1], ids[first + 1 : first + CHUNK + 1]
        states, o = rnn.forward(theta, x, h)
        nats[first : first + CHUNK] = -rnn.log_softmax(o)[np.arange(len(y)), y]
        h = states[-1]
    return nats, total + float(nats.sum()), h


def write(
    theta: Parameters, h: Array, x: Array, random: Sequence[np.random.Generator], temperature: float, top_k: int,
    top_p: float,
) -> Iterator[tuple[Array, Array]]:  # fmt: skip
    """Write texts, BLOCK characters at a time; see Backend.write."""
    states, last = [state.astype(theta.flat.dtype) for state in h], list(x)
    while True:
        uniform = np.stack([stream.random(BLOCK) for stream in random])
        ids, p = np.empty(uniform.shape, np.int64), np.empty(uniform.shape)
        with np.errstate(all="ignore"):
            for (s, n), u in np.ndenumerate(uniform):
                steps, o = rnn.forward(theta, np.array(last[s : s + 1]), states[s])
                if not math.isfinite(o.max()):  # a network whose states are not bounded
                    raise Damaged("the model's outputs are too large to write text with; train with a smaller eta")
                ids[s, n] = last[s] = _drawn(o[0].astype(float), u, temperature, top_k, top_p)
                p[s, n], states[s] = math.exp(rnn.log_softmax(o)[0, last[s]]), steps[-1]
        yield ids, p


def _drawn(o: Array, u: float, temperature: float, top_k: int, top_p: float) -> int:
    """Return the id of the character that a random number u in [0, 1) selects from the outputs o (K,): see write."""
    if temperature == 0:
        return int(o.argmax())
    some = top_k > 0 or top_p < 1
    order = np.argsort(-o, kind="stable")[: top_k or None] if some else np.arange(len(o))
    sums = np.cumsum(np.exp((o[order] - o.max()) / temperature))
    if top_p < 1:
        sums = sums[: int(np.searchsorted(sums, top_p * sums[-1])) + 1]
    return int(order[np.searchsorted(sums, u * sums[-1], side="right")])


def summed(theta: Parameters, ids: Array, h_0: Array) -> tuple[float, Gradients, Array]:
    """Return the loss summed over n sequences, the gradients of this sum, and the last states (n, m).

    ids (T + 1, n)  a column for each sequence: ids[:-1] are the inputs, ids[1:] the targets
    h_0 (n, m)      states before the sequences
    """
    total, g, states = 0.0, filled(0.0, theta.m, theta.K, theta.flat.dtype), []
    for sequence, h in zip(ids.T, h_0, strict=True):
        loss, gradients, last = rnn.loss_and_gradients(theta, sequence[:-1], sequence[1:], h)
        total += loss
        g.flat[:] += gradients.flat
        states.append(last)
    return total, g, np.stack(states)


def _statistics(theta: Parameters, ids: Array, h_0: Array, g: Gradients, clip: float) -> tuple[float, float, float]:
    """Return the last three of the four statistics of an update: see UpdateResults.statistics in network/state.py."""
    h = np.concatenate([rnn.forward(theta, x, state)[0][1:] for x, state in zip(ids[:-1].T, h_0, strict=True)])
    norm = min(float(np.linalg.norm(g.flat.astype(float))), np.finfo(float).max)
    return norm, float(np.mean(np.abs(g.flat) > clip)), float(np.mean(np.abs(h) > rnn.SATURATED))


def _copied(parameters: Parameters) -> Parameters:
    return replace(parameters, flat=parameters.flat.copy())
