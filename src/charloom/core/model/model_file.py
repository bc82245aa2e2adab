"""The file of a model: an .npz of plain arrays, validated when read."""

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from charloom.core.base.array_file import Arrays, Layout, pack, unpack
from charloom.core.base.errors import Damaged, WrongInput
from charloom.core.base.types import Array
from charloom.core.network.recipe import KERNEL, NUMPY
from charloom.core.network.rnn import NAMES, Parameters, shapes
from charloom.core.text.vocabulary import Vocabulary

OUTPUT_LIMIT = 1e37  # sums and differences of such outputs fit float32, so every text has a finite cost


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network: the weights after `update` updates, and the state from which to continue the training text.

    h            (m,) state carried into the next sequence
    first        id of the next sequence's first character
    smooth_loss  the smooth loss of row `update` (see network/state.py), in nats per sequence
    backend      KERNEL or NUMPY. Only a file of a NUMPY model has an array with the name `numpy`
    network      content of the array `numpy`: `by_numpy.forward_digest` of the code that trained the model; else 0
    """

    theta: Parameters
    h: Array
    first: int
    vocabulary: Vocabulary
    update: int
    smooth_loss: float
    backend: str = KERNEL
    network: int = 0


def model_bytes(model: Model) -> bytes:
    """Return the content of the model's .npz file. Equal models give equal bytes."""
    arrays = {name: getattr(model.theta, name) for name in NAMES}
    arrays |= {"h": model.h, "first": np.array(model.first, np.int64), "vocabulary": model.vocabulary.code_points}
    arrays |= {"update": np.array(model.update, np.int64), "smooth_loss": np.array(model.smooth_loss, np.float64)}
    if model.backend == NUMPY:
        arrays[NUMPY] = np.array(model.network, np.uint64)
    return pack(arrays)


def read_model(path: Path) -> Model:
    """Return the model in the file.

    Raises WrongInput if the file cannot be read or is not a regular file. Raises Damaged if the content is not a model,
    or if the weights are so large that outputs could overflow.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe or a device may never end
            raise WrongInput(f"{path}: a folder, pipe or device; allowed is a model's file, such as models/last.npz")
        with path.open("rb") as file:
            arrays = unpack(file, _layout)
        vocabulary = Vocabulary.from_code_points(arrays["vocabulary"])
        first, update, smooth_loss = int(arrays["first"]), int(arrays["update"]), float(arrays["smooth_loss"])
        if not 0 <= first < len(vocabulary):
            raise ValueError(f"first is {first}; allowed are ids from 0 to {len(vocabulary) - 1}")
        if update < 0 or smooth_loss < 0:
            raise ValueError(f"update is {update} and smooth_loss is {smooth_loss}; neither may be negative")
    except OSError as error:
        raise WrongInput(f"{path}: {error.strerror or error}; `dvc repro` makes the pipeline's models") from None
    except ValueError as error:
        raise Damaged(f"{path}: not a model that charloom wrote: {error}; `dvc repro` makes the models") from None
    flat, h = np.concatenate([arrays[name].ravel() for name in NAMES]), arrays["h"]
    theta = Parameters(flat, len(h), len(vocabulary))
    if not _largest(theta, h) < OUTPUT_LIMIT:
        raise Damaged(f"{path}: its numbers are too large to write text with; train with a smaller eta or sigma")
    numpy_fields = (NUMPY, int(arrays[NUMPY])) if NUMPY in arrays else ()
    return Model(theta, h, first, vocabulary, update, smooth_loss, *numpy_fields)


def _largest(theta: Parameters, h: Array) -> float:
    """Return an upper bound of |a| and |o| (see rnn.py) for any text read from the state h; ∞ if it overflows."""
    W, U, V, b, c = (np.abs(getattr(theta, name)).astype(float) for name in NAMES)
    with np.errstate(over="ignore"):
        a = W.sum(axis=1) * max(1.0, float(np.abs(h).max())) + U.max(axis=1) + b
        return float(max(a.max(), (V.sum(axis=1) + c).max()))


def _layout(arrays: Arrays) -> Layout:
    """Return the shape and dtype of each array of a model, for `unpack`. The arrays h and vocabulary give m and K.

    Raises ValueError if h or the vocabulary is missing or empty.
    """
    m, K = (arrays[name].size if name in arrays else 0 for name in ("h", "vocabulary"))
    if m < 1 or K < 1:
        raise ValueError("h or the vocabulary is missing or empty")
    dtype = np.dtype(np.float64 if arrays["h"].dtype == np.float64 else np.float32)
    layout: dict[str, Any] = {name: (shape, dtype) for name, shape in shapes(m, K).items()}
    layout |= {"h": ((m,), dtype), "first": ((), np.int64), "vocabulary": ((K,), np.uint32)}
    layout |= {"update": ((), np.int64), "smooth_loss": ((), np.float64)}
    return layout | ({NUMPY: ((), np.uint64)} if NUMPY in arrays else {})
