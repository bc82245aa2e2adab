"""The step of each optimiser, for one vector of weights: which one is compiled, the class of its rates says.

The equations are in the optimiser's module of `network`; the order of operations here is theirs, to the bit.
"""

import math
from typing import Any

from numba import float64, njit
from numba.extending import overload

from charloom.base.types import Array
from charloom.kernel.cache import PASTED
from charloom.kernel.vector import load, square_root, store
from charloom.network.adagrad import AdaGrad
from charloom.network.adam import Adam


def step(rates: Any, w: Array, kept: tuple[Array, ...], i: int, k: int, g: Any) -> Any:
    """Return what the vector of weights at [i, k] of w becomes by its clipped gradient g; what is kept moves."""
    raise NotImplementedError  # Numba compiles the overload below in its place; Python never calls it


@overload(step, inline="always", strict=False)
def _step(rates: Any, w: Any, kept: Any, i: Any, k: Any, g: Any) -> Any:
    return {AdaGrad: _adagrad, Adam: _adam}[rates.instance_class]


def _adagrad(rates: Any, w: Array, kept: tuple[Array, ...], i: int, k: int, g: Any) -> Any:
    total = load(kept[0], i, k) + g * g
    store(kept[0], i, k, total)
    return load(w, i, k) - g * rates.eta / square_root(total + rates.epsilon)


def _adam(rates: Any, w: Array, kept: tuple[Array, ...], i: int, k: int, g: Any) -> Any:
    first = load(kept[0], i, k) * rates.b1 + g * (1 - rates.b1)
    second = load(kept[1], i, k) * rates.b2 + g * g * (1 - rates.b2)
    store(kept[0], i, k, first)
    store(kept[1], i, k, second)
    return load(w, i, k) - first * rates.eta / (square_root(second) + rates.eps)


def rates_at(rates: Any, update: int) -> Any:
    """Return the rates of the step that comes after `update` others."""
    raise NotImplementedError  # as above


@overload(rates_at, inline="always", strict=False)
def _rates_at(rates: Any, update: Any) -> Any:
    number = rates.dtype

    def _adam_at(rates: Any, update: int) -> Any:
        eta, b1, b2, eps = float64(rates.eta), float64(rates.b1), float64(rates.b2), float64(rates.eps)
        root = math.sqrt(1.0 - power(b2, update + 1))
        return Adam(number(eta * root / (1.0 - power(b1, update + 1))), rates.b1, rates.b2, number(eps * root))

    return {AdaGrad: lambda rates, update: rates, Adam: _adam_at}[rates.instance_class]  # noqa: ARG005  Numba compares names


@njit(**PASTED)
def power(base: float, exponent: int) -> float:
    """Return base^exponent, by the products of network/adam.py."""
    product = 1.0
    while exponent:
        if exponent % 2:
            product *= base
        base *= base
        exponent //= 2
    return product
