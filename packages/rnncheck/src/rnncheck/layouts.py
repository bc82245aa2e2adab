"""Adapters for programs in three common layouts, so that `check` can call their functions.

Each adapter returns the argument `gradients` of `check`, as in
`rnncheck.check(gradients=rnncheck.layouts.min_char_rnn(globals()))`.
"""

from collections.abc import Callable, MutableMapping
from typing import Any

import numpy as np

Function = Callable[..., Any]
NAMES = {"W": "Whh", "U": "Wxh", "V": "Why", "b": "bh", "c": "by"}  # our names, and those of min-char-rnn


def min_char_rnn(names: MutableMapping[str, Any]) -> Function:
    """Return `gradients` for lossFun(inputs, targets, hprev) of min-char-rnn. `names` is the program's globals().

    During a call, the weights and sizes in the program's globals are replaced by those of the case.
    """

    def gradients(weights: Any, h: Any, x: Any, y: Any) -> Any:
        K, m = weights["V"].shape
        new = {
            their_name: weights[our_name].reshape(len(weights[our_name]), -1) for our_name, their_name in NAMES.items()
        }
        new |= {"vocab_size": K, "hidden_size": m, "seq_length": len(x)}
        old = {name: names[name] for name in new if name in names}
        names.update(new)
        try:
            loss, dU, dW, dV, db, dc, last = names["lossFun"](x.tolist(), y.tolist(), h.reshape(-1, 1))
        finally:
            names.update(old)
        return loss, {"W": dW, "U": dU, "V": dV, "b": db, "c": dc}, last

    return gradients


def cs231n(rnn_forward: Function, rnn_backward: Function) -> Function:
    """Return `gradients` for rnn_forward(x, h0, Wx, Wh, b) and rnn_backward(dh, cache) of CS231n.

    The two functions have no output layer and no loss, so the adapter computes both.
    """

    def gradients(weights: Any, h: Any, x: Any, y: Any) -> Any:
        W, U, V, b, c = (weights[name] for name in "WUVbc")
        states, cache = rnn_forward(np.eye(len(c))[x][None], h[None], U.T, W.T, b)
        o = np.array(states)[0] @ V.T + c
        p = np.exp(o - o.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        g = p - np.eye(len(c))[y]
        _, _, dU, dW, db = rnn_backward((g @ V)[None], cache)
        loss = -np.log(p[np.arange(len(y)), y]).sum()
        return loss, {"W": dW.T, "U": dU.T, "V": g.T @ states[0], "b": db, "c": g.sum(0)}, states[0, -1]

    return gradients


def specialisation(rnn_cell_forward: Function, rnn_cell_backward: Function) -> Function:
    """Return `gradients` for rnn_cell_forward and rnn_cell_backward of Coursera's deep-learning specialisation.

    The two functions compute one step, so the adapter calls them for each step, and computes the loss.
    """

    def gradients(weights: Any, h: Any, x: Any, y: Any) -> Any:
        W, U, V, b, c = (weights[name] for name in "WUVbc")
        parameters = {"Waa": W, "Wax": U, "Wya": V, "ba": b[:, None], "by": c[:, None]}
        a, caches, p = h[:, None], list[Any](), list[Any]()
        for i in x:
            a, y_hat, cache = rnn_cell_forward(np.eye(len(c))[:, [i]], a, parameters)
            caches, p = [*caches, cache], [*p, y_hat[:, 0]]
        g, states = np.array(p) - np.eye(len(c))[y], np.array([cache[0][:, 0] for cache in caches])
        total, back = {"V": g.T @ states, "c": g.sum(0), "W": 0, "U": 0, "b": 0}, 0
        for g_t, cache in zip(g[::-1], caches[::-1], strict=True):
            step = rnn_cell_backward((g_t @ V)[:, None] + back, cache)
            back = step["da_prev"]
            total |= {n: total[n] + step[k] for n, k in (("W", "dWaa"), ("U", "dWax"), ("b", "dba"))}
        return -np.log(np.array(p)[np.arange(len(y)), y]).sum(), total, a

    return gradients
