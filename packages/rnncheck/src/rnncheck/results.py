"""Conversion of a program's results to NumPy arrays: numbers, lists, arrays of other libraries, weights by name."""

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
    """Return a float64 copy of a number, a list or an array, also one of PyTorch or CuPy.

    Raises Unreadable, with `name`, if the value is something else.
    """
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
    """Return the value as an array of this shape, and whether it had to be transposed. (m, 1) and (1, m) count as (m,).

    Raises Unreadable, with `name`, if the value has another shape.
    """
    result = array(value, name)
    if result.shape == shape or (len(shape) < 2 and result.size == math.prod(shape)):
        return result.reshape(shape), False
    if result.T.shape == shape:
        return result.T, True
    raise Unreadable(f"{name} has the shape {result.shape}, not {shape}")


def by_parameter(value: Any, about: str) -> dict[str, Any]:
    """Return the fields of a dict, a named tuple or an object, by W, U, V, b and c. A field may be dW, grad_W or dWhh.

    If two fields are W, as `W` and `grad_W`, the shorter name counts if `about` is "the weights", otherwise the longer
    one. Raises Unreadable, with `about`, if one of the five is missing.
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
        raise Unreadable(f"{about} lack {', '.join(lacking)}; allowed is a dict of W, U, V, b, c")
    return short


def matrices(value: Any, m: int, K: int, about: str) -> tuple[dict[str, Array], bool]:
    """Return the arrays W, U, V, b and c of a result, and whether all its matrices were transposed.

    W (m, m) counts as transposed if U and V are. Raises Unreadable, with `about`, if an array is missing or misshapen.
    """
    sizes, by_name = {"m": m, "K": K}, by_parameter(value, about)
    read = {n: fitted(by_name[n], tuple(sizes[s] for s in shape), f"{n} of {about}") for n, shape in SHAPES.items()}
    turned = read["U"][1] and read["V"][1]
    result = {name: values for name, (values, _) in read.items()}
    return result | ({"W": result["W"].T} if turned else {}), turned


def parts(value: Any, names: str) -> list[Any]:
    """Return the elements of a tuple or list that should have these names, such as "p, h".

    Raises Unreadable if the value is no tuple or list, or has another length.
    """
    if not isinstance(value, tuple | list) or len(value) != len(names.split(", ")):
        raise Unreadable(f"the function does not return a tuple or list of {names}")
    return list(value)
