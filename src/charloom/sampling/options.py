"""The numeric options of command lines and requests: allowed values and defaults."""

import math
import re
from collections.abc import Callable
from typing import Any

from charloom.core.base.errors import WrongInput

# Values of options that a command line or a request to a server leaves out.
DEFAULTS: dict[str, int | float] = {"length": 200, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "seed": 1}

COMMA = re.compile("[0-9]*,[0-9]+")  # a decimal number as many languages write it


def _number_or_range(text: str) -> int | list[int]:
    """Return the number in a text such as `5`, or the list of seeds in a range such as `6-10`; 0 if not allowed.

    A number from 1 to 999,999 is allowed, and a range of at most 999,999 seeds.
    """
    match [int(part) for part in text.split("-", 1)]:
        case [number]:
            return number if 0 < number < 10**6 else 0
        case [first, last] if 0 <= first <= last < first + 10**6 - 1:
            return list(range(first, last + 1))
    return 0


# By the option's name: a function from text to value, a check of the value, and the check in words.
ALLOWED: dict[str, tuple[Callable[[Any], Any], Callable[[Any], bool], str]] = {
    "length": (int, lambda n: 0 <= n < 10**15, "a whole number from 0, of at most 15 digits"),
    "temperature": (float, lambda t: 0 <= t < math.inf, "a number from 0; 0 takes the likeliest character"),
    "top_k": (int, lambda k: 0 <= k < 10**15, "a whole number from 0; 0 leaves all characters"),
    "top_p": (float, lambda p: 0 < p <= 1, "a number above 0 and at most 1; 1 leaves all characters"),
    "seed": (int, lambda n: 0 <= n < 10**15, "a whole number from 0, of at most 15 digits"),
    **dict.fromkeys(("samples", "top", "prove"), (int, lambda n: 0 < n < 10**6, "a whole number from 1 to 999,999")),
    "seeds": (_number_or_range, bool, "a whole number from 1 to 999,999, or a range of seeds such as 6-10"),
    "jobs": (int, lambda n: 0 < n < 1024, "a whole number from 1 to 1,023"),
    "port": (int, lambda n: 1024 <= n < 2**16, "a whole number from 1024 to 65535"),
    "smallest_difference": (float, lambda x: 0 < x < math.inf, "a number above 0"),
    "looks": (
        lambda text: tuple(map(int, text.split(","))),
        lambda looks: list(looks) == sorted(set(looks)) and 2 <= looks[0] <= looks[-1] <= 10**6,
        "a list of increasing numbers of seeds from 2 to 1,000,000, such as 3,5,10",
    ),
}


def allowed(name: str, raw_value: str | float, shown: str = "") -> Any:
    """Return `raw_value`, the value of the option `name`, converted and checked by ALLOWED, or raise WrongInput.

    shown  the option's name for the message, for instance --top-k; empty means `name`
    """
    kind, check, words = ALLOWED[name]
    try:
        value = kind(raw_value)
        valid = check(value)
    except (TypeError, ValueError, OverflowError):
        valid = False
    if not valid:
        text = str(raw_value) if str(raw_value).isprintable() and raw_value != "" else ascii(raw_value)
        point = f"; a decimal has a point: {text.replace(',', '.')}" if kind is float and COMMA.fullmatch(text) else ""
        raise WrongInput(f"{shown or name}: {text} is not allowed; allowed is {words}{point}")
    return value
