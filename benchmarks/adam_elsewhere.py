"""Train a small network with Adam of PyTorch and of Optax: `.venv-bench/bin/python benchmarks/adam_elsewhere.py`.

The script writes tests/network/adam_elsewhere.json. tests/network/test_adam.py compares these weights with those of
charloom's Adam, and generates the same problem. Each library computes its own gradients, in float64, of the mean loss
of a sequence, without clipping.
"""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch

M, K, T, UPDATES, SEQUENCES, RATES = 7, 6, 5, 200, 9, (0.01, 0.9, 0.999, 1e-8)
AFTER = (1, 10, 200)  # numbers of updates after which the weights are recorded
PATH = Path(__file__).resolve().parents[1] / "tests/network/adam_elsewhere.json"


def problem() -> tuple[list[np.ndarray], np.ndarray]:
    """Return the initial W, U, V, b, c, and the text."""
    rng = np.random.default_rng(1)
    shapes = (M, M), (M, K), (K, M)
    matrices = [rng.normal(0, 0.3, shape) for shape in shapes]
    return [*matrices, np.zeros(M), np.zeros(K)], np.random.default_rng(2).integers(0, K, SEQUENCES * T + 1)


def flatten(weights: list) -> list[float]:
    """Return all weights in one list."""
    return np.concatenate([np.asarray(weight).ravel() for weight in weights]).tolist()


def by_torch() -> dict[int, list[float]]:
    """Train with torch.optim.Adam; return the weights by number of updates."""
    start, ids = problem()
    weights = [torch.tensor(weight, requires_grad=True) for weight in start]
    W, U, V, b, c = weights
    optimizer = torch.optim.Adam(weights, lr=RATES[0], betas=RATES[1:3], eps=RATES[3])
    records, h = {}, torch.zeros(M, dtype=torch.float64)
    for update in range(UPDATES):
        at = update % SEQUENCES * T
        h = h.detach() if at else torch.zeros_like(h)
        outputs = []
        for x in ids[at : at + T]:
            h = torch.tanh(W @ h + U[:, x] + b)
            outputs.append(V @ h + c)
        loss = torch.nn.functional.cross_entropy(torch.stack(outputs), torch.from_numpy(ids[at + 1 : at + T + 1]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if update + 1 in AFTER:
            records[update + 1] = flatten([weight.detach() for weight in weights])
    return records


def by_optax() -> dict[int, list[float]]:
    """Train with optax.adam; return the weights by number of updates."""
    start, ids = problem()
    optimizer = optax.adam(RATES[0], *RATES[1:3], RATES[3])
    weights = [jnp.asarray(weight) for weight in start]
    state = optimizer.init(weights)

    def loss(weights: list, h: jax.Array, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        W, U, V, b, c = weights
        total = 0.0
        for t in range(T):
            h = jnp.tanh(W @ h + U[:, x[t]] + b)
            total -= jax.nn.log_softmax(V @ h + c)[y[t]]
        return total / T, h

    gradient = jax.jit(jax.grad(loss, has_aux=True))
    records, h = {}, jnp.zeros(M)
    for update in range(UPDATES):
        at = update % SEQUENCES * T
        h = h if at else jnp.zeros(M)
        gradients, h = gradient(weights, h, ids[at : at + T], ids[at + 1 : at + T + 1])
        steps, state = optimizer.update(gradients, state)
        weights = optax.apply_updates(weights, steps)
        if update + 1 in AFTER:
            records[update + 1] = flatten(weights)
    return records


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    versions = {f"PyTorch {torch.__version__.partition('+')[0]}": by_torch(), f"Optax {optax.__version__}": by_optax()}
    PATH.write_text(json.dumps(versions, indent=1) + "\n", encoding="utf-8")
