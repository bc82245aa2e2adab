"""What stands in words in the picture of a comparison."""

import textwrap
from collections.abc import Sequence

from matplotlib.font_manager import findfont, get_font

from charloom.base.terminal import in_line
from charloom.pages.figures import STYLE
from paired.data_types import Comparison
from paired.sentences import verdict

WIDE = 40  # characters of a line beside or below a panel
LINES = 3  # of a setting's name
SERIF = STYLE["font.serif"][0]


def beside(comparison: Comparison, digits: int) -> str:
    """Return the verdict, and below it the mean difference with its interval and the number of pairs."""
    if comparison.mean_difference is None:
        return f"{verdict(comparison)}\nno pair"
    ends = [_number(end, digits) for end in comparison.interval or ()]
    interval = f" ({' to '.join(ends)})" if ends else ""
    pairs = f"{comparison.n} pair{'s' * (comparison.n > 1)}"
    return f"{verdict(comparison)}\n{_number(comparison.mean_difference, digits)}{interval}, {pairs}"


def _number(value: float, digits: int) -> str:
    """Return the number with its sign and so many digits after the point, unless that would be long."""
    short = digits <= 6 and abs(value) < 1e6
    return (f"{value:+.{digits}f}" if short else f"{value:+.3g}").replace("-", "−")


def digits_of(width: float) -> int:
    """Return how many digits after the point show two that count of such a width."""
    return max(0, 1 - int(f"{width:e}".partition("e")[2])) if width else 3


def listed(numbers: Sequence[int]) -> str:
    """Return two or more numbers as `3, 5 and 10`."""
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def in_lines(setting: str, wide: int = WIDE, font: str = SERIF) -> str:
    """Return the setting's name in lines of so many characters: they fit beside a panel."""
    lines = textwrap.wrap(known(setting, font), wide, break_on_hyphens=False) or ["(no name)"]
    return "\n".join(lines[:LINES]) + "…" * (len(lines) > LINES)


def known(text: str, font: str = SERIF) -> str:
    """Return the text with a sign in place of each letter that the font has not: matplotlib would warn and draw one."""
    there = get_font(findfont(font)).get_charmap()
    return "".join(letter if ord(letter) in there else "\N{REPLACEMENT CHARACTER}" for letter in in_line(text))
