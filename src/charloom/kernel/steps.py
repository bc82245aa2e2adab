"""The step of each optimiser, for one vector of weights: which one is compiled, the class of its rates says.

The equations are in the optimiser's module of `network`; the order of operations here is theirs, to the bit.
"""

from typing import Any

from numba.extending import overload

from charloom.base.types import Array
from charloom.kernel.vector import load, square_root, store
from charloom.network.adagrad import AdaGrad


def step(rates: Any, w: Array, kept: tuple[Array, ...], i: int, k: int, g: Any) -> Any:
    """Return what the vector of weights at [i, k] of w becomes by its clipped gradient g; what is kept moves."""
    raise NotImplementedError  # Numba compiles the overload below in its place; Python never calls it


@overload(step, inline="always", strict=False)
def _step(rates: Any, w: Any, kept: Any, i: Any, k: Any, g: Any) -> Any:
    return {AdaGrad: _adagrad}[rates.instance_class]


def _adagrad(rates: Any, w: Array, kept: tuple[Array, ...], i: int, k: int, g: Any) -> Any:
    total = load(kept[0], i, k) + g * g
    store(kept[0], i, k, total)
    return load(w, i, k) - g * rates.eta / square_root(total + rates.epsilon)
