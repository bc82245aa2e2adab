"""The optimisers' steps for one vector of weights. The class of the rates selects the step to compile.

The modules adagrad.py and adam.py of `network` have the equations; here the operations have the same order and bits.
"""

import math
from typing import Any

from numba import float64, njit
from numba.extending import overload

from charloom.core.base.types import Array
from charloom.core.kernel.cache import PASTED
from charloom.core.kernel.vector import load, square_root, store
from charloom.core.network.adagrad import AdaGrad
from charloom.core.network.adam import Adam, power
from charloom.core.network.recipe import COMPILED, OPTIMIZERS

compiled_power = njit(**PASTED)(power)


def step(rates: Any, w: Array, accumulators: tuple[Array, ...], i: int, k: int, g: Any) -> Any:
    """Return the vector of weights that starts at w[i, k], after a step with its clipped gradient g, also a vector.

    w itself is unchanged. The accumulators are updated in place.
    """
    raise NotImplementedError  # a stub: Numba compiles the overload below instead


@overload(step, inline="always", strict=False)
def _step(rates: Any, w: Any, accumulators: Any, i: Any, k: Any, g: Any) -> Any:
    return STEPS[rates.instance_class][0]


def _adagrad(rates: Any, w: Array, accumulators: tuple[Array, ...], i: int, k: int, g: Any) -> Any:
    total = load(accumulators[0], i, k) + g * g
    store(accumulators[0], i, k, total)
    return load(w, i, k) - g * rates.eta / square_root(total + rates.epsilon)


def _adam(rates: Any, w: Array, accumulators: tuple[Array, ...], i: int, k: int, g: Any) -> Any:
    first = load(accumulators[0], i, k) * rates.b1 + g * (1 - rates.b1)
    second = load(accumulators[1], i, k) * rates.b2 + g * g * (1 - rates.b2)
    store(accumulators[0], i, k, first)
    store(accumulators[1], i, k, second)
    return load(w, i, k) - first * rates.eta / (square_root(second) + rates.eps)


def rates_at(rates: Any, update: int) -> Any:
    """Return the rates for the step after `update` updates. Adam's eta and eps include the bias correction."""
    raise NotImplementedError  # a stub, as above


@overload(rates_at, inline="always", strict=False)
def _rates_at(rates: Any, update: Any) -> Any:
    return STEPS[rates.instance_class][1](rates)


def _constant_rates(_: Any) -> Any:
    return lambda rates, update: rates  # noqa: ARG005  Numba compares the names of arguments


def _adam_rates(rates: Any) -> Any:
    number = rates.dtype

    def adam_at(rates: Any, update: int) -> Any:
        eta, b1, b2, eps = float64(rates.eta), float64(rates.b1), float64(rates.b2), float64(rates.eps)
        root = math.sqrt(1.0 - compiled_power(b2, update + 1))
        return Adam(number(eta * root / (1.0 - compiled_power(b1, update + 1))), rates.b1, rates.b2, number(eps * root))

    return adam_at


# For each optimiser its step, and a function that returns the code of `rates_at` for the type of its rates.
STEPS = {AdaGrad: (_adagrad, _constant_rates), Adam: (_adam, _adam_rates)}
# Otherwise a contributor who forgets one gets a KeyError below a hundred lines of Numba.
if missing := [name for name in COMPILED if OPTIMIZERS.get(name) not in STEPS]:
    places = "OPTIMIZERS of network/recipe.py, or its class in STEPS of kernel/steps.py"
    raise NotImplementedError(f"{missing[0]} is in COMPILED, but missing in {places}")
