"""A program with two faults that the assignment's own gradient check does not show. rnncheck names both."""

import numpy as np

import rnncheck

seq_length, eta = 25, 0.1


def softmax(o):
    """Return the probabilities of the outputs o (K,)."""
    return np.exp(o - o.max()) / np.sum(np.exp(o - o.max()))


def gradients(weights, h, x, y):
    """Return the loss, its gradients and the last state. Two lines of the backward pass are wrong."""
    W, U, V, b, c = (weights[name] for name in "WUVbc")
    a, states, p = [], [h], []
    for t in range(len(x)):
        a.append(W @ states[-1] + U[:, x[t]] + b)
        states.append(np.tanh(a[t]))
        p.append(softmax(V @ states[-1] + c))
    loss = -sum(np.log(p[t][y[t]]) for t in range(len(x)))

    states = np.array(states[1:])
    before = np.vstack([np.zeros((1, len(h))), states[:-1]])
    grads = {name: np.zeros_like(weight) for name, weight in weights.items()}
    carried = np.zeros_like(h)
    for t in reversed(range(len(x))):
        p[t][y[t]] -= 1
        grads["V"] += np.outer(p[t], states[t])
        grads["c"] += p[t]
        d = (V.T @ p[t] + carried) * (1 - np.tanh(a[t] ** 2))
        grads["W"] += np.outer(d, before[t])
        grads["U"][:, x[t]] += d
        grads["b"] += d
        carried = W.T @ d
    return loss, {name: np.clip(grad, -5, 5) for name, grad in grads.items()}, states[-1]


def step(weights, gradients, memory, n):
    """Change the weights by a step of AdaGrad."""
    memory = memory or {name: np.zeros_like(weight) for name, weight in weights.items()}
    for name in weights:
        memory[name] += gradients[name] ** 2
        weights[name] -= eta * gradients[name] / np.sqrt(memory[name] + np.finfo(float).eps)
    return weights, memory


def losses(weights, ids, n):
    """Return the losses of the first n updates of training."""
    position, h, memory, history = 0, np.zeros(len(weights["b"])), None, []
    for update in range(1, n + 1):
        if position + seq_length + 1 > len(ids):
            position = 0
        x, y = ids[position : position + seq_length], ids[position + 1 : position + seq_length + 1]
        loss, grads, h = gradients(weights, h, x, y)
        weights, memory = step(weights, grads, memory, update)
        history.append(loss)
        position += seq_length
    return history


if __name__ == "__main__":
    rnncheck.check(gradients=gradients, step=step, losses=losses, seq_length=seq_length, eta=eta)
