"""The functions that the stages call: those of the program and its map, and the reference's for missing ones."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from charloom.core.base.errors import WrongInput
from charloom.core.network.rnn import NAMES, init
from charloom.grading.loaded import functions

import reference


def start(m, K, sigma, rng):
    """Return charloom's initial weights for this random generator, by name, and the zero state (m,)."""
    theta = init(m, K, sigma, rng)
    return {name: getattr(theta, name).copy() for name in NAMES}, np.zeros(m)


def load(params, program):
    """Return start, gradients, step, following, and sample or None, of the program; "" is the reference.

    A program that defines `start` may be another network. Raises WrongInput if such a program lacks gradients or
    following, or if the step of a program does not depend on the eta of params.yaml.
    """
    defaults = {name: getattr(reference, name) for name in ("gradients", "step", "following")}
    defaults |= {"start": start, "sample": None}
    reference.eta, own = params.eta, {}
    if program:
        twice = defaults | _own(program, params, 2 * params.eta)
        own = _own(program, params, params.eta)
        if "step" in own and _moved(twice) == _moved(defaults | own):
            raise WrongInput(
                f"{program}: its step does not use eta of params.yaml: use a constant eta, or set it in map"
            )
    if "start" in own and (missing := {"gradients", "following"} - {*own}):
        raise WrongInput(f"{program}: it has its own start, so it also has to define {' and '.join(sorted(missing))}")
    return SimpleNamespace(**defaults | own)


def _own(program, params, eta):
    return functions(Path(program), eta=eta, seq_length=params.seq_length)


def _moved(parts):
    """Return the weights after a first step, as bytes."""
    weights, _ = parts["start"](2, 2, 0.1, np.random.default_rng(1))
    moved, _ = parts["step"](weights, {name: np.ones_like(w) for name, w in weights.items()}, None, 1)
    return [np.asarray(w).tobytes() for w in moved.values()]
