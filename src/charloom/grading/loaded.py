"""Load a program into this process, as `grade` does in a process of its own, to train with its functions."""

import sys
from collections.abc import Callable, Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np

from charloom.core.base.errors import WrongInput
from charloom.core.base.types import Array
from charloom.grading.child import Program, undefined
from charloom.grading.gradient import SHAPES, matrices
from charloom.grading.program import map_of

# The number of arguments. `start` is not graded: the initial weights, by name, and the state of another network.
ARGUMENTS = {"start": 4, "gradients": 4, "step": 4, "following": 3, "sample": 5}
Weights = Mapping[str, Array]


def functions(program: Path, **constants: float) -> dict[str, Callable[..., Any]]:
    """Return the functions of ARGUMENTS that the program or its map defines, by name.

    constants  values of the constants with these names (eta, seq_length) in the program and in its map

    The functions return what docs/grading.md says, also where the program returns other shapes or names, such as a bias
    (m, 1) or dW. Raises WrongInput if the program or its map cannot be loaded.
    """
    mapped = map_of(program)
    with chdir(program.parent):  # loading changes the folder, too
        loader = Program(program.name, mapped.name if mapped else "")
        sys.meta_path.insert(0, loader)
        try:
            names = loader.load()
        except Exception as error:  # noqa: BLE001  whatever a definition raises
            raise WrongInput(f"{program}: {loader.where(error)}{loader.message(error)}") from None
    for module in ("student", "map"):
        vars(sys.modules[module]).update(constants)
    own = {name: names.get(name) for name in ARGUMENTS}
    calls = {name: {"part": name, "calls": [[None] * count]} for name, count in ARGUMENTS.items()}
    defined = {name: function for name, function in own.items() if function and not undefined(function, calls[name])}
    return defined | {name: _plain(defined[name], plain) for name, plain in PLAIN.items() if name in defined}


def _plain(function: Callable[..., Any], plain: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: plain(function(*arguments), *arguments)


def _gradients(value: Any, weights: Weights, h: Any, *_: Any) -> tuple[float, Weights, Any]:
    loss, given, last = value
    given = given if isinstance(given, Mapping) else vars(given)
    if weights.keys() == SHAPES.keys():
        m, K = np.shape(weights["U"])
        given = matrices(given, m, K, "the gradients")[0]
    return float(np.asarray(loss).item()), given, np.reshape(last, np.shape(h))


def _step(value: Any, weights: Weights, *_: Any) -> tuple[Weights, Any]:
    after, memory = value if isinstance(value, tuple) and len(value) == 2 else (value, None)
    return {name: np.reshape((after or weights)[name], w.shape) for name, w in weights.items()}, memory


def _following(value: Any, _: Weights, h: Any, *__: Any) -> tuple[Array, Any]:
    return np.ravel(value[0]), np.reshape(value[1], np.shape(h))


PLAIN: dict[str, Callable[..., Any]] = {"gradients": _gradients, "step": _step, "following": _following}
