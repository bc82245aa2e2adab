"""Results of a program as arrays: numbers, lists, arrays of other libraries, and weights by name."""

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from rnncheck.verdicts import Array, Unreadable

SHAPES = {"W": "mm", "U": "mK", "V": "Km", "b": "m", "c": "K"}
NAME = re.compile(r"_*(?:d(?:L_?d)?|grads?|g|nabla)?_*([WUVbcBC])_*(?:grads?)?")
ALIASES = {"Wxh": "U", "Whh": "W", "Why": "V", "bh": "b", "by": "c"}  # of min-char-rnn


def array(value: Any, name: str) -> Array:
    """Return a copy of a number or an array, also of PyTorch or CuPy, in float64. Raises Unreadable."""
    for method in ("detach", "cpu", "get"):
        if hasattr(value, "__array__") or hasattr(value, "__cuda_array_interface__"):
            value = getattr(value, method, lambda value=value: value)()
    try:
        numbers = np.asarray(value)
        if numbers.dtype.kind not in "fiub":
            raise TypeError
        return np.array(numbers, float)
    except (ValueError, TypeError, OverflowError):
        raise Unreadable(f"{name} is a {type(value).__name__}; allowed is an array of real numbers") from None


def fitted(value: Any, shape: tuple[int, ...], name: str) -> tuple[Array, bool]:
    """Return the array in this shape, and whether it is transposed. (m, 1) and (1, m) count as (m,)."""
    result = array(value, name)
    if result.shape == shape or (len(shape) < 2 and result.size == math.prod(shape)):
        return result.reshape(shape), False
    if result.T.shape == shape:
        return result.T, True
    raise Unreadable(f"{name} has the shape {result.shape}, not {shape}")


def by_parameter(value: Any, about: str) -> dict[str, Any]:
    """Return the arrays of a dict, a named tuple or an object by W, U, V, b, c. Names may be dW, grad_W or dWhh.

    If it has both weights and gradients, the longer names are those of the gradients.
    """
    fields = value._asdict() if hasattr(value, "_asdict") else value if isinstance(value, Mapping) else None
    fields = getattr(value, "__dict__", {}) if fields is None else fields
    plain = {re.sub("|".join(ALIASES), lambda alias: ALIASES[alias[0]], str(name)): v for name, v in fields.items()}
    plain = dict(
        sorted(plain.items(), key=lambda item: len(item[0]), reverse=about == "the weights")
    )  # the last counts
    short = {match[1]: item for name, item in plain.items() if (match := NAME.fullmatch(name))}
    short = {name.lower(): short[name] for name in "BC" if name in short} | short
    if lacking := [name for name in SHAPES if name not in short]:
        raise Unreadable(f"{about} lack {', '.join(lacking)}; allowed is a dict of arrays")
    return short


def matrices(value: Any, m: int, K: int, about: str) -> tuple[dict[str, Array], bool]:
    """Return W, U, V, b and c of a result, and whether all matrices are transposed. Raises Unreadable."""
    sizes, by_name = {"m": m, "K": K}, by_parameter(value, about)
    read = {n: fitted(by_name[n], tuple(sizes[s] for s in shape), f"{n} of {about}") for n, shape in SHAPES.items()}
    turned = read["U"][1] and read["V"][1]
    result = {name: values for name, (values, _) in read.items()}
    return result | ({"W": result["W"].T} if turned else {}), turned


def parts(value: Any, names: str) -> list[Any]:
    """Return the values of a tuple or list with these names. Raises Unreadable."""
    if not isinstance(value, tuple | list) or len(value) != len(names.split(", ")):
        raise Unreadable(f"it does not return {names}")
    return list(value)
