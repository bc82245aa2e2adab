"""A vanilla character-level RNN, trained with AdaGrad: the place for your own model.

The stages call start, gradients, step, loss and write. Arguments after a * are params of params.yaml.

    h_t = tanh(W h_{t-1} + U x_t + b)     x_t: one-hot, so U x_t is a column of U
    p_t = softmax(V h_t + c)              loss = Σ_t −log p_t[y_t]

    g_t = p_t − onehot(y_t)                              V: Σ g_t h_tᵀ       c: Σ g_t
    d_t = (Vᵀ g_t + Wᵀ d_{t+1}) ⊙ (1 − h_t²)             W: Σ d_t h_{t-1}ᵀ   U: Σ d_t x_tᵀ   b: Σ d_t

Shapes: W (m, m), U (m, K), V (K, m), b (m,), c (K,); x, y (T,) ids of characters; the state h (m,).
"""

import numpy as np


def start(K, x, rng, *, m, sigma):
    """Return the initial weights, a dict of arrays, and the state at the start of the data, an array.

    K  number of classes    x  the first inputs, for models that need their shape    rng  a NumPy Generator
    """
    W, U, V = (sigma * rng.normal(size=shape) for shape in ((m, m), (m, K), (K, m)))
    return {"W": W, "U": U, "V": V, "b": np.zeros(m), "c": np.zeros(K)}, np.zeros(m)


def forward(weights, h, x):
    """Return the states (T + 1, m), which begin with h, and the logarithms of the probabilities p (T, K)."""
    W, U, V, b, c = (weights[name] for name in "WUVbc")
    states = [h]
    for t in range(len(x)):
        states.append(np.tanh(W @ states[t] + U[:, x[t]] + b))
    o = np.array(states[1:]) @ V.T + c
    o -= o.max(axis=1, keepdims=True)
    return np.array(states), o - np.log(np.exp(o).sum(axis=1, keepdims=True))


def loss(weights, state, x, y):
    """Return the loss in nats, the sum over the T targets, and the last state."""
    states, log_p = forward(weights, state, x)
    return -log_p[np.arange(len(y)), y].sum(), states[-1]


def gradients(weights, state, x, y):
    """Return the loss that is minimised, its gradients by name, and the last state."""
    states, log_p = forward(weights, state, x)
    steps = np.arange(len(x))
    g = np.exp(log_p)
    g[steps, y] -= 1
    d = g @ weights["V"]
    carried = 0
    for t in reversed(steps):
        d[t] = (d[t] + carried) * (1 - states[t + 1] ** 2)
        carried = weights["W"].T @ d[t]
    x_onehot = np.eye(len(weights["c"]))[x]
    named = {"W": d.T @ states[:-1], "U": d.T @ x_onehot, "V": g.T @ states[1:], "b": d.sum(axis=0), "c": g.sum(axis=0)}
    return -log_p[steps, y].sum(), named, states[-1]


def step(weights, gradients, memory, n, *, eta, initial_accumulator_value, clip):
    """Take step n (1, 2, …) of AdaGrad; return the weights and the memory, which is None before step 1."""
    memory = memory or {name: np.full_like(w, initial_accumulator_value) for name, w in weights.items()}
    for name, g in gradients.items():
        g = g if clip is None else np.clip(g, -clip, clip)
        memory[name] += g**2
        weights[name] -= eta * g / np.sqrt(memory[name] + 2.2e-16)
    return weights, memory


def write(weights, state, x, rng, *, length):
    """Return the ids of `length` characters that follow the characters x."""
    ids = []
    for _ in range(length):
        states, log_p = forward(weights, state, x)
        state, x = states[-1], [rng.choice(len(weights["c"]), p=np.exp(log_p[-1]))]
        ids += x
    return ids
