"""A vanilla character-level RNN, trained with AdaGrad: the functions that `charloom grade` calls.

    h_t = tanh(W h_{t-1} + U x_t + b)     x_t: one-hot, so U x_t is a column of U
    p_t = softmax(V h_t + c)              loss = Σ_t −log p_t[y_t]

Shapes: W (m, m), U (m, K), V (K, m), b (m,), c (K,); x, y (T,) ids of characters; h (m,) the state carried in.
"""

import numpy as np

from charloom.core.network.rnn import NAMES, init

eta = 0.1  # the value in params.yaml replaces it


def start(m, K, sigma, rng):
    """Return the initial weights by name, charloom's for this random generator, and the zero state (m,)."""
    theta = init(m, K, sigma, rng)
    return {name: getattr(theta, name).copy() for name in NAMES}, np.zeros(m)


def forward(weights, h, x):
    """Return the states (T + 1, m), which begin with h, and the probabilities p (T, K) of the next characters."""
    W, U, V, b, c = (weights[name] for name in "WUVbc")
    states = [h]
    for t in range(len(x)):
        states.append(np.tanh(W @ states[t] + U[:, x[t]] + b))
    o = np.array(states[1:]) @ V.T + c
    e = np.exp(o - o.max(axis=1, keepdims=True))
    return np.array(states), e / e.sum(axis=1, keepdims=True)


def gradients(weights, h, x, y):
    """Return the loss, its gradients by name, and the last state (m,). Backpropagation through time:

    g_t = p_t − onehot(y_t)                              V: Σ g_t h_tᵀ       c: Σ g_t
    d_t = (Vᵀ g_t + Wᵀ d_{t+1}) ⊙ (1 − h_t²)             W: Σ d_t h_{t-1}ᵀ   U: Σ d_t x_tᵀ   b: Σ d_t
    """
    states, p = forward(weights, h, x)
    steps = np.arange(len(x))
    loss = -np.log(p[steps, y]).sum()
    g = p.copy()
    g[steps, y] -= 1
    d = g @ weights["V"]
    carried = 0
    for t in reversed(steps):
        d[t] = (d[t] + carried) * (1 - states[t + 1] ** 2)
        carried = weights["W"].T @ d[t]
    onehot = np.eye(len(weights["c"]))[x]
    named = {"W": d.T @ states[:-1], "U": d.T @ onehot, "V": g.T @ states[1:], "b": d.sum(axis=0), "c": g.sum(axis=0)}
    return loss, named, states[-1]


def step(weights, gradients, memory, n):
    """Take AdaGrad's step number n, from 1 on. `memory` has the sum of the squared gradients of each weight."""
    memory = memory or {name: np.zeros_like(w) for name, w in weights.items()}
    for name, g in gradients.items():
        memory[name] += g**2
        weights[name] -= eta * g / np.sqrt(memory[name] + 2.2e-16)
    return weights, memory


def following(weights, h, x):
    """Return the probabilities (K,) of the characters after the id x, and the state after x."""
    states, p = forward(weights, h, [x])
    return p[0], states[-1]
