"""A training of three characters and two hidden units: small enough to look at each of its bytes."""

import numpy as np
from recipes import recipe

from charloom.core.kernel.advance import advance
from charloom.core.network.state import initial_state
from charloom.core.text.vocabulary import Vocabulary
from charloom.core.training.trace import EMPTY, Trace, extended

VOCABULARY = Vocabulary("ab—")
IDS = np.array([0, 1, 2, 1, 0, 1, 2, 0, 0, 1], np.uint8)
RECIPE = recipe(m=2, sigma=0.5)
START = initial_state(RECIPE, 3, seed=1)
SETTINGS = {"eta": 0.1, "src/train.py": "0" * 64}
EPOCH = 3


def after(updates: int, state=START, trace: Trace = EMPTY):
    """Return state and trace after so many more updates."""
    rows = advance(state, IDS, updates, RECIPE)
    return rows.after, extended(trace, rows, EPOCH, 1.0)


def flat(thing) -> list:
    """Return all that is in a thing made of dataclasses and arrays, as bytes and numbers."""
    if hasattr(thing, "__dataclass_fields__"):
        return [flat(getattr(thing, name)) for name in thing.__dataclass_fields__]
    if isinstance(thing, tuple | list):
        return [flat(each) for each in thing]
    return [thing.dtype.str, thing.shape, thing.tobytes()] if isinstance(thing, np.ndarray) else thing
