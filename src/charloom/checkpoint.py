"""A model on disk: an npz of plain arrays, written whole or not at all, verified when read."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from charloom.errors import Damaged, WrongInput
from charloom.pipeline import write
from charloom.rnn import NAMES, Array, Parameters, filled
from charloom.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class Model:
    """The weights after `update` updates, with all that it takes to go on writing from there.

    h            (m,) the state carried into the coming sequence
    first        id of that sequence's first character
    smooth_loss  nats, of row `update`
    """

    theta: Parameters
    h: Array
    first: int
    vocabulary: Vocabulary
    update: int
    smooth_loss: float


def write_model(path: Path, model: Model) -> None:
    """Write the model. Equal models give equal files: no time and no path go in."""
    content = io.BytesIO()
    np.savez(
        content,
        **{name: getattr(model.theta, name) for name in NAMES},
        h=model.h,
        first=np.int64(model.first),
        vocabulary=model.vocabulary.code_points,
        update=np.int64(model.update),
        smooth_loss=np.float64(model.smooth_loss),
    )
    write(path, content.getvalue())


def read_model(path: Path) -> Model:
    """Return the model of the file.

    Raises WrongInput where there is no such file, Damaged where it is not a model: names, shapes, dtypes and
    finiteness are checked, and no pickle is ever read.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        model = _model(arrays)
    except OSError as error:
        raise WrongInput(f"{path}: {error.strerror or error}; `dvc repro` makes it") from None
    except (ValueError, KeyError, TypeError, EOFError, OverflowError, zipfile.BadZipFile) as error:
        raise Damaged(f"{path}: not a model that charloom wrote ({error}); `dvc repro` makes it again") from None
    return model


def _model(arrays: dict[str, Array]) -> Model:
    """Return the arrays as a Model. Raises ValueError, KeyError or TypeError at the first that does not fit."""
    m, K = len(arrays["b"]), len(arrays["c"])
    theta = filled(0.0, m, K)
    expected = {name: (getattr(theta, name).shape, "f") for name in NAMES}
    expected |= {"h": ((m,), "f"), "vocabulary": ((K,), "u")}
    expected |= {"first": ((), "i"), "update": ((), "i"), "smooth_loss": ((), "f")}
    if arrays.keys() != expected.keys():
        raise ValueError(f"it holds {', '.join(sorted(arrays))}")
    for name, (shape, kind) in expected.items():
        array = arrays[name]
        if array.shape != shape or array.dtype.kind != kind or not np.isfinite(array).all():
            raise ValueError(f"{name} has shape {array.shape} and type {array.dtype}, or is not finite")
    for name in NAMES:
        getattr(theta, name)[...] = arrays[name]
    vocabulary = Vocabulary(arrays["vocabulary"].astype("<u4").tobytes().decode("utf-32-le"))
    first = int(arrays["first"])
    if not 0 <= first < K:
        raise ValueError(f"first is {first}, which is no id")
    return Model(theta, arrays["h"], first, vocabulary, int(arrays["update"]), float(arrays["smooth_loss"]))
