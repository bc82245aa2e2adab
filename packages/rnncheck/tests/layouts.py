"""Programs of the assignment in six layouts, right, or with a fault in the layout's own terms.

A program is a text with slots: {target}, {slope}, {carry}, {before} and {add} are expressions or statements of its
backward pass. RIGHT fills them; a fault of FAULTS fills one of them otherwise.
"""

import sys
from types import ModuleType
from typing import NamedTuple


class Layout(NamedTuple):
    """A program with slots, the map of its functions, what fills the slots, and by fault what fills one otherwise."""

    program: str
    map: str
    right: dict[str, str]
    faults: dict[str, tuple[str, str]]


CLASS = Layout(  # a class, one-hot columns (K, T), biases (m, 1), clipping inside
    """
import numpy as np

class RNN:
    def __init__(self, m=100, K=80, sig=0.01):
        self.b, self.c = np.zeros((m, 1)), np.zeros((K, 1))
        self.U, self.W = np.random.randn(m, K) * sig, np.random.randn(m, m) * sig
        self.V = np.random.randn(K, m) * sig

def softmax(s):
    return np.exp(s) / np.sum(np.exp(s), axis=0)

def forward(rnn, h0, X, Y):
    T = X.shape[1]
    A, H, P = np.zeros((len(rnn.b), T)), np.zeros((len(rnn.b), T + 1)), np.zeros((len(rnn.c), T))
    H[:, [0]] = h0
    for t in range(T):
        A[:, [t]] = rnn.W @ H[:, [t]] + rnn.U @ X[:, [t]] + rnn.b
        H[:, [t + 1]] = np.tanh(A[:, [t]])
        P[:, [t]] = softmax(rnn.V @ H[:, [t + 1]] + rnn.c)
    return A, H, P, -np.sum(np.log(np.sum(Y * P, axis=0)))

def backward(rnn, X, Y, A, H, P):
    T = X.shape[1]
    G = {target}
    grads = RNN(len(rnn.b), len(rnn.c))
    grads.V, grads.c = G @ H[:, 1:].T, G.sum(axis=1, keepdims=True)
    D, after = np.zeros(A.shape), np.zeros((len(rnn.b), 1))
    for t in range(T - 1, -1, -1):
        D[:, [t]] = (rnn.V.T @ G[:, [t]] + after) * ({slope})
        after = {carry}
    grads.W, grads.b = D @ ({before}).T, D.sum(axis=1, keepdims=True)
    grads.U = np.zeros(rnn.U.shape)
    for t in range(T):
        {add}
    for name in "WUVbc":
        setattr(grads, name, np.clip(getattr(grads, name), -5, 5))
    return grads
""",
    """
import numpy as np
import student

def gradients(weights, h, x, y):
    rnn, eye = student.RNN(len(h), len(weights["c"])), np.eye(len(weights["c"]))
    rnn.W, rnn.U, rnn.V, rnn.b, rnn.c = (weights[n].reshape(len(weights[n]), -1) for n in "WUVbc")
    A, H, P, loss = student.forward(rnn, h.reshape(-1, 1), eye[x].T, eye[y].T)
    return loss, vars(student.backward(rnn, eye[x].T, eye[y].T, A, H, P)), H[:, -1]
""",
    {
        "target": "P - Y",
        "slope": "1 - H[:, [t + 1]] ** 2",
        "carry": "rnn.W.T @ D[:, [t]]",
        "before": "H[:, :-1]",
        "add": "grads.U[:, X[:, t].argmax()] += D[:, t]",
    },
    {
        "sign": ("target", "Y - P"),
        "no_target": ("target", "P"),
        "factor": ("target", "(P - Y) / T"),
        "tanh_of_square": ("slope", "1 - np.tanh(A[:, [t]] ** 2)"),
        "tanh_of_square_but_last": ("slope", "1 - (np.tanh(A[:, [t]] ** 2) if t < T - 1 else H[:, [t + 1]] ** 2)"),
        "no_slope": ("slope", "1"),
        "unsquared": ("slope", "1 - H[:, [t + 1]]"),
        "transposed": ("carry", "rnn.W @ D[:, [t]]"),
        "not_carried": ("carry", "0"),
        "added_up": ("carry", "after + rnn.W.T @ D[:, [t]]"),
        "last_before_first": ("before", "np.hstack([H[:, -1:], H[:, 1:-1]])"),
        "zero_before_first": ("before", "np.hstack([0 * H[:, :1], H[:, 1:-1]])"),
        "same_step": ("before", "H[:, 1:]"),
        "last_state": ("before", "np.repeat(H[:, -1:], T, axis=1)"),
        "assigned": ("add", "grads.U[:, X[:, t].argmax()] = D[:, t]"),
    },
)

FUNCTIONS = Layout(  # functions over a dict, ids, biases (m,), Karpathy's dict of states
    """
import numpy as np

seq_length, eta = 25, 1e-1

def lossFun(inputs, targets, hprev, W, U, V, b, c):
    xs, hs, ps, loss = {}, {}, {}, 0
    hs[-1] = np.copy(hprev)
    for t in range(len(inputs)):
        hs[t] = np.tanh(U[:, inputs[t]] + np.dot(W, hs[t - 1]) + b)
        o = np.dot(V, hs[t]) + c
        ps[t] = np.exp(o - o.max()) / np.sum(np.exp(o - o.max()))
        loss += -np.log(ps[t][targets[t]])
    dW, dU, dV, db, dc = (np.zeros_like(w) for w in (W, U, V, b, c))
    dnext, T = np.zeros_like(b), len(inputs)
    for t in reversed(range(T)):
        dy = np.copy(ps[t])
        {target}
        dV += np.outer(dy, hs[t])
        dc += dy
        dh = V.T @ dy + dnext
        draw = ({slope}) * dh
        db += draw
        {add}
        dW += np.outer(draw, {before})
        dnext = {carry}
    return loss, dW, dU, dV, db, dc, hs[T - 1]
""",
    """
from my_rnn import *
import numpy as np

def gradients(weights, h, x, y):
    loss, *grads, last = lossFun(list(x), list(y), h, *(weights[n] for n in "WUVbc"))
    return loss, dict(zip(("dW", "dU", "dV", "db", "dc"), grads)), last
""",
    {
        "target": "dy[targets[t]] -= 1",
        "slope": "1 - hs[t] * hs[t]",
        "carry": "np.dot(W.T, draw)",
        "before": "hs[t - 1]",
        "add": "dU[:, inputs[t]] += draw",
    },
    {
        "sign": ("target", "dy[targets[t]] -= 1; dy = -dy"),
        "no_target": ("target", "pass"),
        "factor": ("target", "dy[targets[t]] -= 1; dy /= T"),
        "tanh_of_square": ("slope", "1 - np.tanh(np.arctanh(hs[t]) ** 2)"),
        "no_slope": ("slope", "1"),
        "unsloped": ("carry", "np.dot(W.T, dh)"),
        "transposed": ("carry", "np.dot(W, draw)"),
        "not_carried": ("carry", "0 * draw"),
        "added_up": ("carry", "dnext + np.dot(W.T, draw)"),
        "last_before_first": ("before", "hs[t - 1] if t else hs[T - 1]"),
        "zero_before_first": ("before", "hs[t - 1] * (t > 0)"),
        "same_step": ("before", "hs[t]"),
        "last_state": ("before", "hs[T - 1]"),
        "assigned": ("add", "dU[:, inputs[t]] = draw"),
        "target": ("add", "dU[:, targets[t]] += draw"),
    },
)

ROWS = Layout(  # rows (T, K), biases (1, m), weights transposed, a mean
    """
import numpy as np

class Network:
    pass

def softmax(S):
    E = np.exp(S - S.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)

class Model:
    def __init__(self, params):
        self.p = params

    def forward(self, X, Y, h0):
        p = self.p
        self.X, self.Y, self.hs = X, Y, [h0]
        for x in X:
            self.hs.append(np.tanh(self.hs[-1] @ p["W"] + x[None] @ p["U"] + p["b"]))
        self.H = np.concatenate(self.hs[1:])
        self.P = softmax(self.H @ p["V"] + p["c"])
        return -np.mean(np.log((self.P * Y).sum(axis=1) + 1e-12))

    def compute_gradients(self):
        p, T = self.p, len(self.X)
        G = {target}
        g = dict(V=self.H.T @ G, c=G.sum(axis=0, keepdims=True), b=np.zeros_like(p["b"]))
        g["W"], g["U"] = np.zeros_like(p["W"]), np.zeros_like(p["U"])
        d = np.zeros_like(p["b"])
        for t in reversed(range(T)):
            dh = G[t : t + 1] @ p["V"].T + {carry}
            d = dh * ({slope})
            g["W"] += ({before}).T @ d
            g["b"] += d
            {add}
        return g
""",
    """
import numpy as np
import student

def gradients(weights, h, x, y):
    net = student.Model({n: w.T if w.ndim == 2 else w[None] for n, w in weights.items()})
    eye = np.eye(len(weights["c"]))
    loss = net.forward(eye[x], eye[y], h[None])
    return loss, net.compute_gradients(), net.hs[-1]
""",
    {
        "target": "(self.P - self.Y) / T",
        "slope": "1 - self.hs[t + 1] ** 2",
        "carry": 'd @ p["W"].T',
        "before": "self.hs[t]",
        "add": 'g["U"] += self.X[t][:, None] @ d',
    },
    {
        "sign": ("target", "(self.Y - self.P) / T"),
        "factor": ("target", "self.P - self.Y"),
        "input": ("target", "(self.P - self.X) / T"),
        "tanh_twice": ("slope", "1 - np.tanh(self.hs[t + 1]) ** 2"),
        "no_slope": ("slope", "1"),
        "other_slope": ("slope", "1 - self.hs[t] ** 2"),
        "transposed": ("carry", 'd @ p["W"]'),
        "not_carried": ("carry", "0"),
        "last_before_first": ("before", "self.hs[t] if t else self.hs[-1]"),
        "zero_before_first": ("before", "self.hs[t] * (t > 0)"),
        "previous_or_last": ("before", "self.hs[t - 1]"),
        "same_step": ("before", "self.hs[t + 1]"),
        "assigned": ("add", 'g["U"][self.X[t].argmax()] = d[0]'),
    },
)

LISTS = (
    Layout(  # lists of columns (K, 1), biases (m, 1), states without h_0 in the list, names that it keeps as globals
        """
import numpy as np

np.random.seed(400)
K = 83
grads = {{}}

def synth_forward(RNN, h, xs, ys):
    hs, ps, loss = [], [], 0
    for x, y in zip(xs, ys):
        h = np.tanh(RNN["W"].dot(h) + RNN["U"].dot(x) + RNN["b"])
        o = RNN["V"].dot(h) + RNN["c"]
        p = np.exp(o) / np.ones((1, K)).dot(np.exp(o))
        hs.append(h)
        ps.append(p)
        loss -= np.log(y.T.dot(p))
    return loss, hs, ps

def compute_gradients(RNN, h0, xs, ys, hs, ps):
    T = len(xs)
    for name in RNN:
        grads["grad_" + name] = np.zeros_like(RNN[name])
    das = [None] * T
    for t in range(T - 1, -1, -1):
        g = {target}
        grads["grad_V"] += g.dot(hs[t].T)
        grads["grad_c"] += g
        dh = RNN["V"].T.dot(g)
        if t < T - 1:
            dh = dh + {carry}
        das[t] = dh * ({slope})
        grads["grad_b"] += das[t]
        grads["grad_W"] += das[t].dot(({before}).T)
        {add}
    return grads
""",
        """
import numpy as np
import student

def gradients(weights, h, x, y):
    student.K = K = len(weights["c"])
    net = {n: w.reshape(len(w), -1) for n, w in weights.items()}
    columns = [[np.eye(K)[:, [i]] for i in ids] for ids in (x, y)]
    h = h.reshape(-1, 1)
    loss, hs, ps = student.synth_forward(net, h, *columns)
    return loss, student.compute_gradients(net, h, *columns, hs, ps), hs[-1]
""",
        {
            "target": "ps[t] - ys[t]",
            "slope": "1 - hs[t] ** 2",
            "carry": 'RNN["W"].T.dot(das[t + 1])',
            "before": "hs[t - 1] if t else h0",
            "add": 'grads["grad_U"] += das[t].dot(xs[t].T)',
        },
        {
            "no_target": ("target", "ps[t]"),
            "tanh_of_square_but_last": (
                "slope",
                "1 - (np.tanh(np.arctanh(hs[t]) ** 2) if t < T - 1 else hs[t] ** 2)",
            ),
            "of_a": ("slope", "1 - np.arctanh(hs[t]) ** 2"),
            "no_slope": ("slope", "1"),
            "transposed": ("carry", 'RNN["W"].dot(das[t + 1])'),
            "carried_plain": ("carry", "das[t + 1]"),
            "carried_from_last": ("carry", 'RNN["W"].T.dot(das[-1])'),
            "not_carried": ("carry", "0"),
            "last_before_first": ("before", "hs[t - 1]"),
            "zero_before_first": ("before", "hs[t - 1] if t else 0 * h0"),
            "first_state": ("before", "h0"),
            "last_state": ("before", "hs[-1]"),
            "assigned_backwards": ("add", 'grads["grad_U"][:, xs[t].argmax()] = das[t][:, 0]'),
        },
    )
)

NARROW = Layout(  # float32, a matrix of one-hot columns, vectorized, p + 1e-12 in the logarithm
    CLASS.program.replace(
        "P, -np.sum(np.log(np.sum(Y * P, axis=0)))", "P, -np.sum(np.log(np.sum(Y * P, axis=0) + 1e-12))"
    )
    .replace("np.zeros((len(rnn.b), T))", "np.zeros((len(rnn.b), T), np.float32)")
    .replace("np.zeros((len(rnn.b), T + 1))", "np.zeros((len(rnn.b), T + 1), np.float32)")
    .replace("np.clip(getattr(grads, name), -5, 5)", "getattr(grads, name).astype(np.float32)"),
    CLASS.map.replace("weights[n].reshape", 'weights[n].astype("float32").reshape'),
    CLASS.right,
    CLASS.faults,
)

KEPT = Layout(  # the state is kept in the object, and the gradients are computed in the same method as the loss
    """
from collections import namedtuple
import numpy as np

class Rnn(object):
    def __init__(self, hidden=5, vocabulary=10):
        self.h_prev = np.zeros((hidden, 1))

    def train_step(self, x, y):
        T, a, h, p, loss = len(x), {{}}, {{-1: self.h_prev}}, {{}}, 0.0
        for t in range(T):
            a[t] = self.W @ h[t - 1] + self.U[:, [x[t]]] + self.b
            h[t] = np.tanh(a[t])
            e = np.exp(self.V @ h[t] + self.c)
            p[t] = e / e.sum()
            loss += -np.log(p[t][y[t], 0])
        self.dW, self.dU, self.dV = np.zeros_like(self.W), np.zeros_like(self.U), np.zeros_like(self.V)
        self.db, self.dc = np.zeros_like(self.b), np.zeros_like(self.c)
        onehot = np.eye(len(self.c))
        da = np.zeros_like(self.b)
        for t in reversed(range(T)):
            g = {target}
            self.dV, self.dc = self.dV + g @ h[t].T, self.dc + g
            da = (self.V.T @ g + {carry}) * ({slope})
            self.dW, self.db = self.dW + da @ ({before}).T, self.db + da
            {add}
        self.h_prev = h[T - 1]
        return loss
""",
    """
import my_rnn

def gradients(weights, h, x, y):
    net = my_rnn.Rnn()
    for name, value in weights.items():
        setattr(net, name, value.reshape(len(value), -1))
    net.h_prev = h.reshape(-1, 1)
    loss = net.train_step(x, y)
    return loss, {n: getattr(net, "d" + n) for n in weights}, net.h_prev
""",
    {
        "target": "p[t] - onehot[:, [y[t]]]",
        "slope": "1 - h[t] ** 2",
        "carry": "self.W.T @ da",
        "before": "h[t - 1]",
        "add": "self.dU[:, [x[t]]] += da",
    },
    {
        "sign": ("target", "onehot[:, [y[t]]] - p[t]"),
        "input": ("target", "p[t] - onehot[:, [x[t]]]"),
        "tanh_of_square": ("slope", "1 - np.tanh(a[t] ** 2)"),
        "sigmoid": ("slope", "h[t] * (1 - h[t])"),
        "last_slope": ("slope", "1 - h[T - 1] ** 2"),
        "transposed": ("carry", "self.W @ da"),
        "not_carried": ("carry", "0 * da"),
        "last_before_first": ("before", "h[t - 1] if t else h[T - 1]"),
        "zero_before_first": ("before", "h[t - 1] * (t > 0)"),
        "before_tanh": ("before", "a[t - 1] if t else h[-1]"),
        "same_step": ("before", "h[t]"),
        "assigned_backwards": ("add", "self.dU[:, [x[t]]] = da"),
    },
)

LAYOUTS = {"class": CLASS, "functions": FUNCTIONS, "rows": ROWS, "lists": LISTS, "float32": NARROW, "kept": KEPT}


def source(layout, *faults):
    """Return the text of a layout's program with these faults."""
    slots = dict(layout.right)
    slots |= dict(layout.faults[fault] for fault in faults)
    program = layout.program
    for name, text in slots.items():
        program = program.replace("{" + name + "}", text)
    return program.replace("{{}}", "{}").replace("{{-1: self.h_prev}}", "{-1: self.h_prev}")


def gradients(layout, *faults):
    """Return the function of a layout with these faults."""
    program, adapter = ModuleType("student"), {}
    exec(source(layout, *faults), vars(program))  # noqa: S102
    for name in ("student", "my_rnn"):
        sys.modules[name] = program
    exec(layout.map, adapter)  # noqa: S102
    return adapter["gradients"]
