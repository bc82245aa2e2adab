"""Write numbers as text. The smallest value or spread determines the number of decimals."""

import math
from collections.abc import Iterable

from seedpairs.data_types import Interval

DIGITS = 2  # significant digits of the smallest value or spread
DIGITS_IN_ALL = 7  # significant digits of the largest value or spread, at most


def decimals(values: Iterable[float | None], spreads: Iterable[float | None], ends: Iterable[float] = ()) -> int:
    """Return a number of decimals for all values and spreads of a table; None is ignored.

    With so many decimals each number has at least DIGITS significant digits, and the largest has at most DIGITS_IN_ALL.
    A value so small that both limits cannot be met is ignored: it is 0 except for rounding. Without spreads the result
    is at least 4, if DIGITS_IN_ALL allows it.

    ends  ends of intervals. If rounding would make an end 0, there are more decimals, if DIGITS_IN_ALL allows them, so
          that the reader sees on which side of 0 the interval ends
    """
    of_values, of_spreads = (
        [math.floor(math.log10(abs(number))) for number in numbers if number] for numbers in (values, spreads)
    )
    most = DIGITS_IN_ALL - 1 - max([*of_values, *of_spreads], default=0)
    counted = [size for size in of_values if DIGITS - 1 - size <= most]
    fine = DIGITS - 1 - min([*counted, *of_spreads], default=0)
    places = max(0, min(most, fine if of_spreads else max(fine, 4)))
    of_ends = [-math.floor(math.log10(abs(end))) for end in ends if end and not round(end, places)]
    return max([places, *(needed for needed in of_ends if needed <= most)])


def shown(value: float | None, places: int) -> str:
    """Return the number with `places` decimals, or `-` for None.

    If `places` is above 8 or the number is 1e15 or more, it has four significant digits instead, such as 1.234e+15. A
    negative number begins with a minus sign, U+2212.
    """
    if value is None:
        return "-"
    if places > 8 or abs(value) >= 1e15:
        return f"{value:.{DIGITS_IN_ALL - 3}g}".replace("-", "−", value < 0)
    text = f"{value:,.{places}f}"
    return text.replace("-", "−" if text.strip("-0.") else "")


def span(interval: Interval | None, places: int) -> str:
    """Return the interval as `−0.21 to 0.03`, with `places` decimals (see `shown`), or `-` for None."""
    return "-" if interval is None else f"{shown(interval[0], places)} to {shown(interval[1], places)}"


def percent(level: float) -> str:
    """Return a level below 1 as a percentage, never 100 %: its distance to 100 has two digits, as in `99.93 %`."""
    missing = 100 * (1 - level)
    text = f"{100 * level:.{max(0, 1 - math.floor(math.log10(missing)))}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def p_shown(p: float | None) -> str:
    """Return p with two significant digits, `below 0.0001` for a smaller p, or `-` for None."""
    return "-" if p is None else "below 0.0001" if p < 1e-4 else f"{p:.2g}"
