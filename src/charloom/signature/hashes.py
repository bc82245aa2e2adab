"""Hashes of the results of training, reading and writing on a small text.

The hashes must be equal on every machine; if one differs, the kernel's arithmetic differs.
"""

import hashlib
import platform
from dataclasses import replace
from functools import lru_cache
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np

from charloom.core.backend.by_numpy import network_digest
from charloom.core.base.progress import progress
from charloom.core.base.types import Array
from charloom.core.kernel.advance import advance
from charloom.core.kernel.crew import ALONE
from charloom.core.kernel.drawing import streams, write
from charloom.core.kernel.elementary import exp, log, tanh
from charloom.core.kernel.layout import scratch, weights
from charloom.core.kernel.passes import read
from charloom.core.network.adagrad import AdaGrad
from charloom.core.network.adam import Adam
from charloom.core.network.normal import standard_normal
from charloom.core.network.order import CHUNKS, POSITIONS, Order
from charloom.core.network.recipe import Recipe
from charloom.core.network.rnn import Parameters
from charloom.core.network.state import TrainState, initial_state
from charloom.results.keys import short_digest

SMALL_TEXT = " ".join(f"{n} squared is {n * n};" for n in range(150))
VOCABULARY = sorted(set(SMALL_TEXT))
UPDATES = (1, 10, 100, 500, 2000)
# The sizes are multiples of no vector or tile; the text is read at least seven times; clipping is active.
M, SEQ_LENGTH = 37, 11
TYPES = ("float64", "float32")
# The recipes of the trainings, by their names in signature.json.
RECIPES = {dtype: Recipe(M, SEQ_LENGTH, 0.01, 0.5, dtype, AdaGrad(0.1)) for dtype in TYPES}
RECIPES |= {
    f"adam {dtype}": Recipe(M, SEQ_LENGTH, "fan_in", 0.05, dtype, Adam(0.01), "mean", order)
    for dtype, order in zip(TYPES, (Order(CHUNKS, 100), Order(POSITIONS)), strict=True)
}
RECIPES |= {f"batch {name}": replace(recipe, batch=7) for name, recipe in RECIPES.items()}
CHOICES = ((1.0, 0, 1.0), (0.5, 7, 1.0), (2.0, 0, 0.9), (0.0, 0, 1.0))  # temperature, top_k, top_p


def signature(name: str) -> dict[str, str]:
    """Train with the recipe of this name in RECIPES. Return a SHA-256 of state and losses after each of UPDATES.

    The keys are the numbers of UPDATES as text.
    """
    recipe, ids = RECIPES[name], _ids()
    state = initial_state(recipe, len(VOCABULARY), seed=1)
    digest, hashes = hashlib.sha256(), {}
    for update in UPDATES:
        count = update - state.update
        rows = advance(state, ids, count, recipe)
        state = rows.after
        digest.update(rows.losses.tobytes() + rows.smooth_losses.tobytes())
        hashes[str(update)] = hashlib.sha256(digest.digest() + state_bytes(state)).hexdigest()
    return hashes


@lru_cache
def arithmetic(kind: str) -> str:
    """Return the digest of the training code that `keys.arithmetic_of` reads from signature.json, but compute it now.

    kind  a kind of recipe: see Recipe.kind
    """
    if network := network_digest(kind):
        return network
    name = next(name for name, recipe in RECIPES.items() if recipe.kind == kind)
    return short_digest([signature(name), costs(RECIPES[name].dtype)])


def state_bytes(state: TrainState) -> bytes:
    """Return the numbers of the state, except the seed, as bytes in a fixed order. Equal states give equal bytes."""
    best = state.best
    arrays = [state.theta.flat, *(accumulator.flat for accumulator in state.accumulators), state.h]
    numbers: list[float] = [state.update, state.smooth_loss or 0.0]
    if best is not None:
        arrays += [best.theta.flat, best.h]
        numbers += [best.update, best.smooth_loss]
    return b"".join(array.tobytes() for array in [*arrays, np.array(numbers)])


def costs(dtype: str) -> str:
    """Return a SHA-256 of the costs (nats) of all characters of SMALL_TEXT but the first, and of their sum.

    A cost is −log of the probability that a model with large weights gives the character.
    """
    w, ids, nats = weights(_large(dtype), -np.inf), _ids().astype(np.int64), np.empty(len(SMALL_TEXT) - 1)
    total = read(w, scratch(w, M, len(VOCABULARY), SEQ_LENGTH), ids, SEQ_LENGTH, M, nats, 0.0, ALONE)
    return _hash(np.append(nats, total))


def texts(dtype: str) -> str:
    """Return one SHA-256 of all texts that a model with large weights writes, and of their probabilities.

    For each of CHOICES the model writes one text, then seven texts at a time.
    """
    theta, digest = _large(dtype), hashlib.sha256()
    w, number = weights(theta, -np.inf), theta.flat.dtype.type
    for temperature, top_k, top_p in CHOICES:
        for count in (1, 7):
            z = streams(w, np.zeros((count, M)), np.arange(count), theta.K)
            random = [np.random.default_rng([1, 3, 0, row]) for row in range(count)]
            for _ in range(4):
                uniform = np.stack([stream.random(256) for stream in random])
                ids, p = np.empty((count, 256), np.int64), np.empty((count, 256))
                write(w, z, M, uniform, number(temperature), top_k, top_p, ids, p)
                digest.update(ids.tobytes() + p.tobytes())
    return digest.hexdigest()


def _ids() -> Array:
    return np.array([VOCABULARY.index(character) for character in SMALL_TEXT], np.uint8)


def _large(dtype: str) -> Parameters:
    return replace(RECIPES[dtype], sigma=0.5).initial(len(VOCABULARY), seed=1)[0]


def probes() -> dict[str, str]:
    """Return a SHA-256 of the results of each elementary operation, by its name: `exp`, `random stream`, …

    If two machines have different signatures, these hashes show which operation differs.
    """
    x = np.linspace(-30, 30, 4096)
    normal = standard_normal(np.random.default_rng(1), 8192)
    a, b = normal.reshape(2, 64, 64)
    return {
        "exp": _hash(exp(x)),
        "log": _hash(log(np.abs(x))),
        "tanh": _hash(tanh(x)),
        "sum in order": _hash(np.add.reduce(a[:, :, None] * b[None], axis=1)),
        "random stream": _hash(normal[:4096]),
    }


def libraries() -> dict[str, str]:
    """Return the versions of the libraries, the processor, and the features of the processor, by name.

    If hashes differ between machines, these values are a hint. No hash depends on these values.
    """
    features = sorted(name for name, present in llvm.get_host_cpu_features().items() if present)
    return {
        "NumPy": np.__version__,
        "Numba": numba.__version__,
        "Python": platform.python_version(),
        "processor": f"{platform.machine()} {llvm.get_host_cpu_name()}",
        "features": " ".join(name for name in features if name.startswith(("sse", "avx", "fma", "neon", "sve"))),
    }


def _hash(array: Array) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def everything() -> dict[str, Any]:
    """Return the content of signature.json; show progress on stderr. It takes up to a minute to compile the code."""
    trained = dict[str, dict[str, str]]()
    with progress("signature", len(RECIPES), stderr=True) as report:
        for number, name in enumerate(RECIPES, 1):
            trained[name] = signature(name)
            report(number, name)
    return {
        **trained,
        "costs": {dtype: costs(dtype) for dtype in TYPES},
        "texts": {dtype: texts(dtype) for dtype in TYPES},
        "probes": probes(),
        "libraries": libraries(),
    }
