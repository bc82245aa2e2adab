"""Time one update with JAX, all updates fused in one scan.

The optimiser is AdaGrad. With a first argument that begins with `adam` it is Adam on the mean loss, without clipping.
With one that ends with `transposed`, W is stored transposed.
"""

import os
import sys

one_core = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["XLA_FLAGS"] = f"{one_core} {os.environ.get('XLA_FLAGS', '')}"

import jax
import jax.numpy as jnp
from text import CLIP, EPSILON, ETA, SEQ_LENGTH, now, problem, report

TRANSPOSED = sys.argv[1].endswith("transposed")  # W is stored transposed and multiplied by h from the left
ADAM = sys.argv[1].startswith("adam")
RATE, B1, B2, EPS = 0.001, 0.9, 0.999, 1e-8


def loss_of(parameters, h, x, y):
    """Return the summed loss and the last states. Shapes: h (n, m), x and y (T, n); without n if the batch is 1."""
    W = parameters["W"]
    inputs = parameters["U"][x] + parameters["b"]

    def cell(h, a):
        h = jnp.tanh((h @ W if TRANSPOSED else (W @ h.T).T) + a)
        return h, h

    h, states = jax.lax.scan(cell, h, inputs)
    log_p = jax.nn.log_softmax(states @ parameters["V"].T + parameters["c"])
    return -jnp.take_along_axis(log_p, y[..., None], -1).sum(), h


def update(state, sequence):
    """Return the state after one clipped AdaGrad step, and the loss."""
    parameters, sums, h = state
    (loss, h), gradients = jax.value_and_grad(loss_of, has_aux=True)(parameters, h, *sequence)
    gradients = jax.tree.map(lambda g: jnp.clip(g, -CLIP, CLIP), gradients)
    sums = jax.tree.map(lambda s, g: s + g * g, sums, gradients)
    parameters = jax.tree.map(lambda p, g, s: p - ETA * g / jnp.sqrt(s + EPSILON), parameters, gradients, sums)
    return (parameters, sums, h), loss


def update_by_adam(state, sequence):
    """Return the state after one step of Adam on the mean loss, and the loss."""
    parameters, (first, second, t), h = state
    (loss, h), gradients = jax.value_and_grad(loss_of, has_aux=True)(parameters, h, *sequence)
    gradients = jax.tree.map(lambda g: g / sequence[0].size, gradients)
    first = jax.tree.map(lambda m, g: B1 * m + (1 - B1) * g, first, gradients)
    second = jax.tree.map(lambda v, g: B2 * v + (1 - B2) * g * g, second, gradients)
    root = jnp.sqrt(1 - B2**t)
    rate, eps = RATE * root / (1 - B1**t), EPS * root
    parameters = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + eps), parameters, first, second)
    return (parameters, (first, second, t + 1), h), loss


def main(_: str, dtype: str, updates: int, m: int, K: int, seq_length: int = SEQ_LENGTH, batch: int = 1) -> None:
    """Compile, train and print the time per update. A batch of one uses vectors instead of matrices."""
    jax.config.update("jax_enable_x64", dtype == "float64")
    ids, W, U, V, _, _ = problem(m, K, dtype, updates * batch, seq_length)
    parameters = {"W": W.T if TRANSPOSED else W, "U": U.T, "V": V, "b": jnp.zeros(m, dtype), "c": jnp.zeros(K, dtype)}
    parameters = jax.tree.map(jnp.asarray, parameters)
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    accumulators = (zeros, zeros, jnp.ones((), dtype)) if ADAM else zeros
    first = parameters, accumulators, jnp.zeros((batch, m) if batch > 1 else m, dtype)
    x, y = (jnp.asarray(part.reshape(updates, -1, seq_length)) for part in (ids[:-1], ids[1:]))
    x, y = (jnp.swapaxes(part, 1, 2) if batch > 1 else part[:, 0] for part in (x, y))
    step = update_by_adam if ADAM else update
    train = jax.jit(lambda state, x, y: jax.lax.scan(step, state, (x, y))).lower(first, x, y).compile()
    started = now()
    _, losses = jax.block_until_ready(train(first, x, y))
    report(started, updates, losses[-1])


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
