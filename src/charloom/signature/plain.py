"""The whole training in plain loops over the arrays of rnn.py: it computes the same bits as the kernel does.

    python -m charloom.signature.plain

trains the experiment of params.yaml, and prints the hash of the results, which equals that in metrics/results.json.

This file is a step between the equations (network/) and the fast compiled kernel. An array for a batch of n sequences
has T·n rows: row t·n + s belongs to character t of sequence s. The loops define the order in which each sum is added,
because another order rounds differently:

    W h and Wᵀ d     over j upwards at even steps, downwards at odd ones
    softmax          a sum per lane of a 64-byte vector (every eighth float64, every sixteenth float32), then over lanes
    all other sums   over j, k or t upwards, from 0

An update takes three to four times as long as in the fast kernel (m = 100, K = 83, T = 25, AVX-512;
`python benchmarks/plain.py`). That is why vector.py and products.py exist. No stage imports this file; tests compare
the kernel with it bit for bit.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from charloom.core.base.progress import ProgressCallback, progress
from charloom.core.base.types import Array
from charloom.core.config.pipeline import files
from charloom.core.config.reading import read_params
from charloom.core.kernel.cache import COMPILED, compiled
from charloom.core.kernel.elementary import exp, log, tanh
from charloom.core.network.recipe import Recipe
from charloom.core.network.rnn import NAMES, SATURATED, Parameters, filled
from charloom.core.text.corpus import read_prepared
from charloom.core.training.trace import results_hash


def train(
    recipe: Recipe, K: int, ids: Array, updates: int, seed: int, report: ProgressCallback = lambda *_: None
) -> str:
    """Train, and return the hash of the results: the last and the best weights, and the trace (losses and statistics).

    ids     the training text, integers from 0 to K − 1
    report  called every 1,000 updates, with the number of the update and the smooth loss as text

    The trace has rows 0 to `updates`. Row u belongs to the weights after u updates, so no step follows the last row.
    """
    theta, accumulators = recipe.initial(K, seed)
    h, smooth, lowest, best = np.zeros((recipe.batch, recipe.m), recipe.dtype), 0.0, np.inf, theta.flat
    smooth_losses, losses, statistics = list[float](), list[float](), list[tuple[float, ...]]()
    for row in range(updates + 1):
        (starts,), (zero,) = recipe.places(row, 1, len(ids), seed)
        h[zero] = 0  # the first sequence of an epoch; the others continue from the last state
        read = ids[starts + np.arange(recipe.seq_length + 1)[:, None]]
        loss, passed = passes(theta, read[:-1], read[1:], h, recipe)
        smooth = 0.999 * smooth + 0.001 * loss if row else loss
        if smooth < lowest:
            lowest, best = smooth, theta.flat.copy()
        if row % 100 == 0:
            smooth_losses.append(smooth)
        if row < 100:
            losses.append(loss)
        if row % 1000 == 0:
            statistics.append((loss, *update_statistics(theta, passed, recipe)))
            report(row, f"smooth loss {smooth:.3f}")
        if row < updates:  # elementwise in NumPy, so the step needs no order of additions
            recipe.step(theta, accumulators, gradients_of(theta, passed, recipe.dtype), row)
        h = passed.h[-recipe.batch :].copy()
    return results_hash(theta.flat, best, map(np.array, (smooth_losses, losses, *zip(*statistics, strict=True))))


class Passed(NamedTuple):
    """The arrays of the forward and backward pass over T characters of n sequences.

    x (T·n,)        ids of the input characters
    h (T·n + n, m)  states; the first n rows are the states before the sequences
    d (T·n + n, m)  gradients of the loss by a, the argument of tanh; the last n rows are 0
    g (T·n, K)      gradients of the loss by o, the logits
    """

    x: Array
    h: Array
    d: Array
    g: Array


def passes(theta: Parameters, x: Array, y: Array, h_0: Array, recipe: Recipe) -> tuple[float, Passed]:
    """Return the mean loss of n sequences in nats, and their passes. d and g belong to the loss that is minimised.

    x, y (T, n)  ids of the input and target characters, a column for each sequence
    h_0 (n, m)   states before the sequences
    """
    weights = _matrices(theta)
    h, o = _forward(weights, x.ravel(), h_0)
    loss, g = _softmax(o, y.ravel())
    g *= g.dtype.type(recipe.scale)
    return loss / len(h_0), Passed(x.ravel(), h, _backward(weights, h, g, len(h_0)), g)


def gradients_of(theta: Parameters, passed: Passed, dtype: Any) -> Parameters:
    """Return the gradients of all matrices before clipping. Their sums over the characters are added in `dtype`."""
    gradients = filled(0.0, theta.m, theta.K, dtype)
    _add(_matrices(gradients), *passed)
    return gradients


def update_statistics(theta: Parameters, passed: Passed, recipe: Recipe) -> tuple[float, float, float]:
    """Return the norm of the gradients, the fraction of them that clipping changes, and that of saturated activations.

    Sums are float64. The squares are added unit by unit; columns of U for characters that were not read are left out.
    """
    of = gradients_of(theta, passed, float)
    by_unit = np.column_stack((of.b, of.W, of.U[:, list(dict.fromkeys(passed.x.tolist()))]))
    entries = np.concatenate((by_unit.ravel(), np.column_stack((of.c, of.V)).ravel()))
    norm = math.sqrt((entries * entries).cumsum()[-1])  # sum() adds in another order
    saturated = np.abs(passed.h[recipe.batch :].astype(float)) > SATURATED
    return norm, int((np.abs(entries) > recipe.clip).sum()) / theta.flat.size, int(saturated.sum()) / saturated.size


def _matrices(theta: Parameters) -> tuple[Array, ...]:
    """Return W, U, V, b and c as a tuple, for compiled code."""
    return tuple(getattr(theta, name) for name in NAMES)


@njit(**COMPILED)
def _order(step: int, n: int) -> range:
    """Return the range 0 to n − 1 for an even step, n − 1 to 0 for an odd one."""
    return range(n - 1, -1, -1) if step % 2 else range(0, n, 1)


@compiled
def _forward(weights: Any, x: Array, h_0: Array) -> tuple[Array, Array]:
    """Return h (T·n + n, m) and o (T·n, K) for the ids x (T·n,), from the states h_0 (n, m).

    h[t + n] = tanh(W h[t] + U x_t + b);  o[t] = V h[t + n] + c
    """
    W, U, V, b, c = weights
    (K, m), rows, n = V.shape, len(x), len(h_0)
    WT, VT = W.T.copy(), V.T.copy()  # so that the inner loops run along rows
    h, o = np.empty((rows + n, m), b.dtype), np.empty((rows, K), b.dtype)
    h[:n] = h_0
    for t in range(rows):
        a, output = U[:, x[t]] + b, c.copy()
        for j in _order(t // n, m):
            for i in range(m):
                a[i] += WT[j, i] * h[t, j]
        h[t + n] = tanh(a)
        for j in range(m):
            for k in range(K):
                output[k] += VT[j, k] * h[t + n, j]
        o[t] = output
    return h, o


@compiled
def _softmax(o: Array, y: Array) -> tuple[float, Array]:
    """Return the loss in nats and its gradient g by the outputs o, for the targets y.

    p = softmax(o);  loss = Σ_t −log p[t, y_t];  g[t] = p[t] − onehot(y_t)
    """
    T, K = o.shape
    one, lanes = o.dtype.type(1), 64 // o.itemsize  # an integer 1 would convert float32 to float64
    g, totals, loss = np.empty_like(o), np.empty(T), 0.0
    for t in range(T):
        largest = o[t].max()
        e, by_lane = exp(o[t] - largest), np.zeros(lanes, o.dtype)
        for k in range(K):
            by_lane[k % lanes] += e[k]
        total = by_lane.cumsum()[-1]  # by_lane.sum() adds in another order
        g[t] = e * (one / total)
        g[t, y[t]] -= one
        loss += float(largest - o[t, y[t]])
        totals[t] = total
    for log_total in log(totals):
        loss += log_total
    return loss, g


@compiled
def _backward(weights: Any, h: Array, g: Array, n: int) -> Array:
    """Return d (T·n + n, m): d[t] = (Vᵀ g[t] + Wᵀ d[t + n]) ⊙ (1 − h[t + n]²), and 0 in the last n rows.

    h (T·n + n, m) are the states that `_forward` returns for n sequences; g (T·n, K) is the gradient by the outputs o.
    """
    W, _U, V, b, _c = weights
    (K, m), one = V.shape, b.dtype.type(1)
    d = np.zeros_like(h)
    for t in range(len(g) - 1, -1, -1):
        a = np.zeros_like(b)
        for k in range(K):
            for i in range(m):
                a[i] += V[k, i] * g[t, k]
        for j in _order(t // n + 1, m):
            for i in range(m):
                a[i] += W[j, i] * d[t + n, j]
        d[t] = a * (one - h[t + n] * h[t + n])
    return d


@compiled
def _add(gradients: Any, x: Array, h: Array, d: Array, g: Array) -> None:
    """Add these sums to `gradients`, the five arrays of the gradients of W, U, V, b and c, which must be zero before:

    W: Σ d[t] h[t]ᵀ   U: Σ d[t] x_tᵀ   V: Σ g[t] h[t + n]ᵀ   b: Σ d[t]   c: Σ g[t]
    """
    gW, gU, gV, gb, gc = gradients
    (K, m), n = gV.shape, len(h) - len(x)
    for t in range(len(x)):
        for i in range(m):
            for j in range(m):
                gW[i, j] += d[t, i] * h[t, j]
        for k in range(K):
            for j in range(m):
                gV[k, j] += g[t, k] * h[t + n, j]
        gU[:, x[t]] += d[t]
        gb += d[t]
        gc += g[t]


def main() -> None:
    """Train the experiment of params.yaml, and print the hash. The stage `prepare` has to be complete."""
    params = read_params()
    text = read_prepared(files("train")["prepared/text"])
    train(params.recipe, len(text.vocabulary), text.training, 1, params.seed)  # compiles before the clock starts
    with progress("plain loops", params.train.updates) as report:
        hashed = train(params.recipe, len(text.vocabulary), text.training, params.train.updates, params.seed, report)
    print(hashed)


if __name__ == "__main__":
    from charloom.core.runtime.program import run_command

    run_command(main)
