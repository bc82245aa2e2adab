"""What training and its arithmetic come to on a small text, as hashes: equal on every processor, or something is wrong.

`python -m charloom.signature > signature.json` writes them anew. A commit that changes one says why.
"""

import hashlib
import json
import platform
from itertools import islice
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np

from charloom.kernel import elementary
from charloom.rnn import Array, Parameters, init
from charloom.sampling import ON_DEMAND, Choice, blocks, stream
from charloom.training import TrainState, advance, start
from charloom.vocabulary import Vocabulary

TEXT = " ".join(f"{n} squared is {n * n};" for n in range(150))
UPDATES = (1, 10, 100, 500, 2000)
# No multiple of anything; the text is read seven times over; the clip is narrow enough to be active.
M, SEQ_LENGTH, SIGMA, ETA, CLIP = 37, 11, 0.01, 0.1, 0.5


def signature(dtype: str) -> dict[str, str]:
    """Return the SHA-256 of the whole training state, losses included, after each of UPDATES."""
    vocabulary = Vocabulary.of(TEXT)
    ids = vocabulary.encode(TEXT)
    drawn = init(M, len(vocabulary), SIGMA, np.random.default_rng(1))
    state = start(Parameters(drawn.flat.astype(dtype), M, len(vocabulary)), 0.0)
    digest, hashes = hashlib.sha256(), {}
    for update in UPDATES:
        count = update - state.update
        rows = advance(state, ids, count, seq_length=SEQ_LENGTH, eta=ETA, clip=CLIP)
        state = rows.after
        digest.update(rows.losses.tobytes() + rows.smooth_losses.tobytes())
        hashes[str(update)] = hashlib.sha256(digest.digest() + state_bytes(state)).hexdigest()
    return hashes


def state_bytes(state: TrainState) -> bytes:
    """Return every number of the state, in a fixed order."""
    best = state.best
    arrays = [state.theta.flat, state.accumulators.flat, state.h]
    numbers: list[float] = [state.update, state.smooth_loss or 0.0]
    if best is not None:
        arrays += [best.theta.flat, best.h]
        numbers += [best.update, best.smooth_loss]
    return b"".join(array.tobytes() for array in [*arrays, np.array(numbers)])


def texts(dtype: str) -> str:
    """Return the SHA-256 of what a model of large weights writes, in each way of choosing, alone and beside others."""
    vocabulary = Vocabulary.of(TEXT)
    drawn = init(M, len(vocabulary), 0.5, np.random.default_rng(1))
    theta = Parameters(drawn.flat.astype(dtype), M, len(vocabulary))
    digest = hashlib.sha256()
    for choice in (Choice(1.0), Choice(0.5, top_k=7), Choice(2.0, top_p=0.9), Choice(0.0)):
        for count in (1, 7):
            h, first = np.zeros((count, M)), np.arange(count)
            random = [stream(1, ON_DEMAND, 0, number) for number in range(count)]
            for ids, p in islice(blocks(theta, h, first, random, choice), 4):
                digest.update(ids.tobytes() + p.tobytes())
    return digest.hexdigest()


def probes() -> dict[str, str]:
    """Return hashes of what the result is made of, so that a difference can be traced to one of them."""
    x = np.linspace(-30, 30, 4096)
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 64, 64))
    return {
        "exp": _hash(elementary("exp", x)),
        "log": _hash(elementary("log", np.abs(x))),
        "tanh": _hash(elementary("tanh", x)),
        "sum in order": _hash(np.add.reduce(a[:, :, None] * b[None], axis=1)),
        "random stream": _hash(np.random.default_rng(1).normal(size=4096)),
    }


def libraries() -> dict[str, str]:
    """Return versions and the processor: not expected to be equal, but the first place to look."""
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
    """Return what signature.json holds."""
    return {
        "float64": signature("float64"),
        "float32": signature("float32"),
        "texts": {dtype: texts(dtype) for dtype in ("float64", "float32")},
        "probes": probes(),
        "libraries": libraries(),
    }


if __name__ == "__main__":
    print(json.dumps(everything(), indent=2))
