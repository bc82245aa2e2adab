"""The forward and backward pass of the RNN in README.md, in stages. Each stage has a right function and known faults.

    outputs    g = ∂loss/∂o (T, K), and the gradients of c and V, which are computed from g
    states     d = ∂loss/∂a (T, m), and the gradients of b and U, which are computed from d
    recurrent  the gradient of W, which is computed from d

A fault is a function that replaces the right one, so faults of several stages can be combined. faults.toml describes
each fault in a sentence. T is the length of a sequence; a row of an array belongs to a step.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from rnncheck.verdicts import Array

Weights = Mapping[str, Array]
Choice = Mapping[str, str]  # a fault's key by stage; a stage that is left out is right
RIGHT = ""  # the key of the right function of each stage


class Pass(NamedTuple):
    """The arrays of a forward pass: a (T, m), h (T + 1, m), p (T, K), losses (T,); X, Y (T, K): x, y as one-hot rows.

    unit  the factor of the loss: 1 for a sum over the sequence, 1/T for a mean
    """

    W: Array
    V: Array
    X: Array
    Y: Array
    a: Array
    h: Array
    p: Array
    losses: Array
    unit: float


def forward(
    weights: Weights, h: Array, x: Array, y: Array, mean: bool = False, squash: Callable[[Array], Array] = np.tanh
) -> Pass:
    """Return the forward pass over inputs x and targets y (T,) from the state h (m,), in the dtype of the weights.

    `mean` says whether the loss is the mean over the sequence, not the sum. `squash` is the nonlinearity.
    """
    W, U, V, b, c = (weights[name] for name in "WUVbc")
    a, states = np.empty((len(x), len(b)), W.dtype), np.empty((len(x) + 1, len(b)), W.dtype)
    states[0] = h
    for t, i in enumerate(x):
        a[t] = W @ states[t] + U[:, i] + b
        states[t + 1] = squash(a[t])
    o = states[1:] @ V.T + c
    o -= o.max(axis=1, keepdims=True)
    o -= np.log(np.exp(o).sum(axis=1, keepdims=True))
    eye = np.eye(len(c), dtype=W.dtype)
    return Pass(W, V, eye[x], eye[y], a, states, np.exp(o), -o[np.arange(len(x)), y], 1 / len(x) if mean else 1.0)


# Stages of the forward pass, by fault: the pass from the arguments of `gradients`; loss and last state from the pass.
FORWARD: dict[str, Callable[[Weights, Array, Array, Array], Pass]] = {
    RIGHT: forward,
    "h_ignored": lambda w, h, x, y: forward(w, 0 * h, x, y),
    "no_b": lambda w, h, x, y: forward({**w, "b": 0 * w["b"]}, h, x, y),
    "no_c": lambda w, h, x, y: forward({**w, "c": 0 * w["c"]}, h, x, y),
    "no_biases": lambda w, h, x, y: forward({**w, "b": 0 * w["b"], "c": 0 * w["c"]}, h, x, y),
    "transposed": lambda w, h, x, y: forward({**w, "W": w["W"].T}, h, x, y),
    "no_tanh": lambda w, h, x, y: forward(w, h, x, y, squash=lambda a: a),
    "sigmoid": lambda w, h, x, y: forward(w, h, x, y, squash=lambda a: 1 / (1 + np.exp(-a))),
    "input": lambda w, h, x, y: forward(w, h, x, x),
}
LOSS: dict[str, Callable[[Pass], Any]] = {
    RIGHT: lambda s: s.losses.sum(),
    "last_loss": lambda s: s.losses[-1],
    "bits": lambda s: s.losses.sum() / np.log(2),
}
LAST: dict[str, Callable[[Pass], Array]] = {
    RIGHT: lambda s: s.h[-1],
    "first_returned": lambda s: s.h[0],
    "second_returned": lambda s: s.h[1],
    "previous_returned": lambda s: s.h[-2],
    "a_returned": lambda s: s.a[-1],
}


Slope = Callable[[Pass], Any]  # the derivative of tanh, (T, m)
Carry = Callable[[Pass, int, Array, Array], Array]  # what later steps send back to step t, (m,): see chain
Combination = Callable[[Array, Array, Array], Array]


def chain(
    s: Pass, g: Array, slope: Slope, carry: Carry, combine: Combination = lambda out, back, slope: (out + back) * slope
) -> Array:
    """Return d = ∂loss/∂a (T, m), computed from the last step to the first.

    slope    function of s: the derivative of tanh (T, m)
    carry    function of s, t, d and e: the gradient (m,) that later steps send to step t. e is d before its product
             with the slope; d and e are (T + 2, m), with zeros after the sequence
    combine  function of the gradient that comes from o_t, the result of carry, and the slope: d_t
    """
    out, slopes, (d, e) = g @ s.V, np.broadcast_to(slope(s), s.a.shape), np.zeros((2, len(g) + 2, len(s.W)), g.dtype)
    for t in reversed(range(len(g))):
        back = carry(s, t, d, e)
        e[t] = out[t] + back
        d[t] = combine(out[t], back, slopes[t])
    return d[: len(g)]


def _without(d: Array, index: Any) -> Array:
    d = d.copy()
    d[index] = 0
    return d


def _again(s: Pass, g: Array, slope: Slope, carry: Carry) -> Array:
    d = chain(s, g, slope, carry)
    for t in reversed(range(len(d) - 1)):
        d[t] += (d[t + 1] @ s.W) * (1 - s.h[t + 1] ** 2)
    return d


def _assigned(X: Array, d: Array, order: int) -> Array:
    U = np.zeros((d.shape[1], X.shape[1]), d.dtype)
    for t in range(len(d))[::order]:
        U[:, X[t].argmax()] = d[t]
    return U


def _square_inside(s: Pass, steps: slice) -> Array:
    slope = 1 - s.h[1:] ** 2
    slope[steps] = 1 - np.tanh(s.a[steps] ** 2)
    return slope


def _combined(combine: Combination) -> Callable[..., Array]:
    return lambda s, g, slope, carry: chain(s, g, slope, carry, combine)


def _sums(terms: Callable[[Pass, Array], Array]) -> dict[str, Callable[..., Array]]:
    """Return known faults of a gradient that is a sum over the steps. `terms` returns the terms (T, ...) of the sum."""
    return {
        "first": lambda s, d: terms(s, d)[0],
        "last": lambda s, d: terms(s, d)[-1],
        "mean": lambda s, d: terms(s, d).mean(0),
        "zero": lambda s, d: 0 * terms(s, d)[0],
    }


STAGES: dict[str, dict[str, Callable[..., Array]]] = {
    "g": {
        RIGHT: lambda s: (s.p - s.Y) * s.unit,
        "factor": lambda s: (s.p - s.Y) * (1 / len(s.p) if s.unit == 1 else 1),
        "factor_again": lambda s: (s.p - s.Y) * s.unit / len(s.p),
        "sign": lambda s: (s.Y - s.p) * s.unit,
        "no_target": lambda s: s.p * s.unit,
        "input": lambda s: (s.p - s.X) * s.unit,
        "last_step": lambda s: _without(s.p - s.Y, slice(-1)) * s.unit,
        "without_last": lambda s: _without(s.p - s.Y, -1) * s.unit,
        "without_first": lambda s: _without(s.p - s.Y, 0) * s.unit,
    },
    "c": {RIGHT: lambda s, g: g.sum(0), **_sums(lambda s, g: g)},
    "V": {
        RIGHT: lambda s, g: g.T @ s.h[1:],
        "previous": lambda s, g: g.T @ s.h[:-1],
        "before_tanh": lambda s, g: g.T @ s.a,
        "last_state": lambda s, g: np.outer(g.sum(0), s.h[-1]),
        **_sums(lambda s, g: g[:, :, None] * s.h[1:, None]),
    },
    "slope": {
        RIGHT: lambda s: 1 - s.h[1:] ** 2,
        "tanh_of_square": lambda s: _square_inside(s, slice(None)),
        "tanh_of_square_but_last": lambda s: _square_inside(s, slice(-1)),
        "tanh_of_square_at_last": lambda s: _square_inside(s, slice(-1, None)),
        "unsquared": lambda s: 1 - s.h[1:],
        "of_a": lambda s: 1 - s.a**2,
        "tanh_twice": lambda s: 1 - np.tanh(s.h[1:]) ** 2,
        "sigmoid": lambda s: s.h[1:] * (1 - s.h[1:]),
        "other_slope": lambda s: 1 - s.h[:-1] ** 2,
        "last_slope": lambda s: 1 - s.h[-1] ** 2,
        "no_slope": lambda s: np.ones(1),
        "no_slope_at_last": lambda s: 1 - _without(s.h[1:], -1) ** 2,
    },
    "carry": {
        RIGHT: lambda s, t, d, e: d[t + 1] @ s.W,
        "transposed": lambda s, t, d, e: s.W @ d[t + 1],
        "not_carried": lambda s, t, d, e: 0 * d[t],
        "unsloped": lambda s, t, d, e: e[t + 1] @ s.W,
        "carried_plain": lambda s, t, d, e: d[t + 1],
        "carried_from_last": lambda s, t, d, e: d[len(s.a) - 1] @ s.W,
        "carried_from_two_later": lambda s, t, d, e: d[t + 2] @ s.W,
        "added_up": lambda s, t, d, e: d[t + 1 :].sum(0) @ s.W,
        "from_before": lambda s, t, d, e: d[len(s.a) - 1] @ s.W * (t == 0),  # d[-1] at t = 0, and 0 from d[t - 1]
        "from_before_unsloped": lambda s, t, d, e: e[len(s.a) - 1] @ s.W * (t == 0),
    },
    "d": {
        RIGHT: chain,
        "carry_outside_slope": _combined(lambda out, back, slope: out * slope + back),
        "output_outside_slope": _combined(lambda out, back, slope: out + back * slope),
        "clipped": _combined(lambda out, back, slope: np.clip((out + back) * slope, -5, 5)),
        "again": _again,
        "without_first": lambda s, g, slope, carry: _without(chain(s, g, slope, carry), 0),
        "without_first_of_several": lambda s, g, slope, carry: _without(chain(s, g, slope, carry), slice(len(g) > 1)),
        "without_last": lambda s, g, slope, carry: chain(s, _without(g, -1), slope, carry),
    },
    "b": {RIGHT: lambda s, d: d.sum(0), **_sums(lambda s, d: d)},
    "U": {
        RIGHT: lambda s, d: d.T @ s.X,
        "assigned": lambda s, d: _assigned(s.X, d, 1),
        "assigned_backwards": lambda s, d: _assigned(s.X, d, -1),
        "target": lambda s, d: d.T @ s.Y,
        "previous": lambda s, d: d[1:].T @ s.X[:-1],
        "reversed": lambda s, d: d.T @ s.X[::-1],
        **_sums(lambda s, d: d[:, :, None] * s.X[:, None]),
    },
    "W": {
        RIGHT: lambda s, d: d.T @ s.h[:-1],
        "last_before_first": lambda s, d: d.T @ np.concatenate([s.h[-1:], s.h[1:-1]]),
        "zero_before_first": lambda s, d: d.T @ _without(s.h[:-1], 0),
        "same_step": lambda s, d: d.T @ s.h[1:],
        "last_state": lambda s, d: np.outer(d.sum(0), s.h[-1]),
        "first_state": lambda s, d: np.outer(d.sum(0), s.h[0]),
        "previous": lambda s, d: d.T @ np.concatenate([s.h[:1], s.h[:-2]]),
        "previous_or_last": lambda s, d: d.T @ np.roll(s.h[:-1], 1, axis=0) + np.outer(d[0], s.h[-1] - s.h[-2]),
        "before_tanh": lambda s, d: d.T @ np.concatenate([s.h[:1], s.a[:-1]]),
        "reversed": lambda s, d: d.T @ s.h[:-1][::-1],
        "transposed": lambda s, d: s.h[:-1].T @ d,
        **_sums(lambda s, d: d[:, :, None] * s.h[:-1, None]),
    },
}
OUTPUTS, STATES, RECURRENT = ("g", "c", "V"), ("slope", "carry", "d", "b", "U"), ("W",)


def gradients(s: Pass, faults: Choice, d: Array | None = None, names: Iterable[str] = "WUVbc") -> dict[str, Array]:
    """Return the gradients of the matrices `names` with these faults. If d (T, m) is given, it replaces ∂loss/∂a."""
    compute = {stage: STAGES[stage][faults.get(stage, RIGHT)] for stage in STAGES}
    g = compute["g"](s)
    if d is None and not set(names) <= set(OUTPUTS):
        d = compute["d"](s, g, compute["slope"], compute["carry"])
    return {name: compute[name](s, g if name in OUTPUTS else d) for name in names}


def within_5(s: Pass) -> bool:
    """Return whether no number in the backward pass without faults exceeds 5: in d, in what is carried back, in sums.

    For each t, there are the sums from step t to T of g, of d, and of the terms of the gradients of V, W and U. The
    module's docstring defines g and d.
    """
    g = STAGES["g"][RIGHT](s)
    d = chain(s, g, STAGES["slope"][RIGHT], STAGES["carry"][RIGHT])
    if not all(abs(numbers).max() < 4.99 for numbers in (d, d @ s.W)):
        return False  # before the large products below
    columns = [d, g, d[:, :, None] * s.h[:-1, None], d[:, :, None] * s.X[:, None], g[:, :, None] * s.h[1:, None]]
    return all(abs(np.cumsum(terms[::-1], axis=0)).max() < 4.99 for terms in columns)
