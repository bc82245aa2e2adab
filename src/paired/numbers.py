"""Numbers as text: the smallest value or spread decides how many decimals are shown."""

import math
from collections.abc import Iterable

from paired.data_types import Interval

DIGITS = 2  # significant digits of the smallest value or spread
DIGITS_IN_ALL = 7  # of the largest one


def decimals(values: Iterable[float], spreads: Iterable[float]) -> int:
    """Return the decimals that show each value and each spread with DIGITS digits, and none with over DIGITS_IN_ALL.

    A value that is too small for both limits does not count: it is 0 but for rounding.
    """
    of_values, of_spreads = (
        [math.floor(math.log10(abs(number))) for number in numbers if number] for numbers in (values, spreads)
    )
    most = DIGITS_IN_ALL - 1 - max([*of_values, *of_spreads], default=0)
    counted = [size for size in of_values if DIGITS - 1 - size <= most]
    fine = DIGITS - 1 - min([*counted, *of_spreads], default=0)
    return max(0, min(most, fine if of_spreads else max(fine, 4)))


def shown(value: float | None, places: int) -> str:
    """Return the number with so many decimals; with a power of ten if these are too many; `-` for None."""
    if value is None:
        return "-"
    if places > 8 or abs(value) >= 1e15:
        return f"{value:.{DIGITS_IN_ALL - 3}g}"
    text = f"{value:,.{places}f}"
    return text.removeprefix("-") if not text.strip("-0.") else text


def span(interval: Interval | None, places: int) -> str:
    """Return `-0.21 to 0.03`; `-` for None."""
    return "-" if interval is None else f"{shown(interval[0], places)} to {shown(interval[1], places)}"


def percent(level: float) -> str:
    """Return `99.93 %`: with two significant digits of 100 minus the level, so that no level is rounded to 100."""
    missing = 100 * (1 - level)
    text = f"{100 * level:.{max(0, 1 - math.floor(math.log10(missing)))}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def p_shown(p: float | None) -> str:
    """Return p with two digits; `-` for None."""
    return "-" if p is None else "below 0.0001" if p < 1e-4 else f"{p:.2g}"


def number_of(n: int, noun: str) -> str:
    """Return `1 seed`, `5 seeds`."""
    return f"{n} {noun}" + "s" * (n != 1)
