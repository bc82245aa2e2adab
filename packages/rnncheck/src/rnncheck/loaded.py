"""Load a program into this process, as `grade` does in a process of its own, to train with its functions."""

import sys
from collections.abc import Callable, Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np

from charloom.core.base.errors import WrongInput
from rnncheck.child import undefined
from rnncheck.definitions import Program
from rnncheck.gradient import SHAPES, matrices
from rnncheck.process import Unreadable
from rnncheck.program import map_of

# The number of arguments. `start` is not graded: the initial weights, by name, and the state of another network.
ARGUMENTS = {"start": 4, "gradients": 4, "step": 4, "following": 3, "sample": 5}
Function = Callable[..., Any]


def functions(program: Path, **constants: float) -> dict[str, Function]:
    """Return the functions of ARGUMENTS that the program or its map defines, by name.

    constants  values of the constants with these names (eta, seq_length) in the program and in its map

    The functions return what docs/grading.md says, also where the program returns other shapes or names, such as a bias
    (m, 1) or dW. Raises WrongInput if the program or its map cannot be loaded, or if it has a step and no constant eta.
    """
    if not program.is_file():
        raise WrongInput(f"{program}: no such file")
    mapped = map_of(program)
    with chdir(program.parent):  # loading changes the folder, too
        loader = Program(program.name, mapped.name if mapped else "")
        sys.meta_path.insert(0, loader)
        try:
            names = loader.load()
        except Exception as error:  # noqa: BLE001  whatever a definition raises
            raise WrongInput(f"{program}: {loader.where(error)}{loader.message(error)}") from None
    calls = {name: {"part": name, "calls": [[None] * count]} for name, count in ARGUMENTS.items()}
    own = {name: _plain(name, names[name]) for name, case in calls.items() if not undefined(names.get(name), case)}
    if "step" in own and "eta" not in names:
        raise WrongInput(
            f"{program}: its step cannot get eta of params.yaml: neither it nor its map has a constant eta"
        )
    for module in ("student", "map"):
        vars(sys.modules[module]).update(constants)
    return own


def _plain(name: str, function: Function) -> Function:
    """Return the function with results in the form of docs/grading.md."""

    def gradients(weights: Any, h: Any, x: Any, y: Any) -> Any:
        loss, given, last = function(weights, h, x, y)
        given = given if isinstance(given, Mapping) else vars(given)
        if weights.keys() == SHAPES.keys():
            m, K = weights["U"].shape
            try:
                given = matrices(given, m, K, "the gradients")[0]
            except Unreadable as error:
                raise WrongInput(str(error)) from None
        shapes = {key: np.shape(w) for key, w in weights.items()}
        if other := {key: np.shape(value) for key, value in given.items()}.items() ^ shapes.items():
            raise WrongInput(f"gradients: {sorted(key for key, _ in other)[0]!r} is missing, or not as in the weights")
        return np.asarray(loss).item(), given, np.reshape(last, np.shape(h))

    def step(weights: Any, *others: Any) -> Any:
        value = function(weights, *others)
        after, memory = value if isinstance(value, tuple) and len(value) == 2 else (value, None)
        return {key: np.reshape((after or weights)[key], w.shape) for key, w in weights.items()}, memory

    def following(weights: Any, h: Any, x: Any) -> Any:
        p, after = function(weights, h, x)
        return np.ravel(p), np.reshape(after, np.shape(h))

    return {"gradients": gradients, "step": step, "following": following}.get(name, function)
