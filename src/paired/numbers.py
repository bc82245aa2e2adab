"""Numbers as they are shown: as many decimals as their spread leaves."""

import math
from collections.abc import Iterable

from paired.data_types import Interval

DIGITS = 2  # of the smallest spread that is shown
MOST = 7  # of the largest number


def decimals(values: Iterable[float], spreads: Iterable[float]) -> int:
    """Return how many decimals show each of the spreads with DIGITS digits, and no value with more than MOST."""
    sizes = [math.floor(math.log10(abs(value))) for value in values if value]
    fine = [math.floor(math.log10(spread)) for spread in spreads if spread > 0]
    most = MOST - 1 - max(sizes, default=0)
    return max(0, min(DIGITS - 1 - min(fine), most) if fine else min(most, 4))


def shown(value: float | None, places: int) -> str:
    """Return the number with so many decimals, with a power of ten where these are too many; - where there is none."""
    if value is None:
        return "-"
    if places > 8 or abs(value) >= 1e15:
        return f"{value:.{MOST - 3}g}"
    text = f"{value:,.{places}f}"
    return text.removeprefix("-") if not text.strip("-0.") else text


def span(interval: Interval | None, places: int) -> str:
    """Return `-0.21 to 0.03`; - where there is none."""
    return "-" if interval is None else f"{shown(interval[0], places)} to {shown(interval[1], places)}"


def percent(level: float) -> str:
    """Return `99.93 %`: of what is missing to 100 two digits, so that no level looks like all."""
    missing = 100 * (1 - level)
    text = f"{100 * level:.{max(0, 1 - math.floor(math.log10(missing)))}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def p_shown(p: float | None) -> str:
    """Return a p with two digits; - where there is none."""
    return "-" if p is None else "below 0.0001" if p < 1e-4 else f"{p:.2g}"


def number_of(n: int, noun: str) -> str:
    """Return `1 seed`, `5 seeds`."""
    return f"{n} {noun}" + "s" * (n != 1)
