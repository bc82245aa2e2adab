"""The picture of differences: of each setting to the baseline, or of what each factor does."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes

from charloom.pages.pictures import pictured
from charloom.pages.sections import Picture, Table
from charloom.pages.study.compared import Compared
from charloom.pages.study.setting_rows import Drawn, draw_differences, in_rows
from paired import sentences as words
from paired.data_types import LEVEL, Contrast


class Line(NamedTuple):
    """A contrast in the picture: what is written above it, its colour, and its seeds. The baseline has no contrast."""

    setting: str
    color: str
    contrast: Contrast | None
    dots: list[float]


def differences(
    compared: Compared, lines: Sequence[Line], names: tuple[str, str, str], said: tuple[str, str], table: Table,
    bold: Collection[str] = (),
) -> Picture:  # fmt: skip
    """Return it.

    names  the picture's place in the page, its title, and what its axis shows
    said   what the caption begins with, and what it ends with
    """
    answer, smallest = compared.answer, compared.answer.smallest_difference
    contrasts = [each.contrast for each in lines if each.contrast]
    tested = {id(each): each.tested_interval for each in contrasts if round(each.tested_level, 6) != LEVEL}
    drawn = [
        Drawn(line.dots, each.mean_difference, each.interval, tested.get(id(each))) if (each := line.contrast) else None
        for line in lines
    ]

    def draw(axes: Axes) -> None:
        draw_differences(axes, lines, drawn, smallest)

    caption = f"{said[0]}, a stroke their mean, a bar its {words.PERCENT} interval."
    if any(tested.values()):
        caption += (
            " The line between two strokes is the interval that decides, wider since all that is tested counts, and "
            "all looks: better and worse need all of it on one side of 0. The bar alone decides nothing."
        )
    elif any(each.interval for each in contrasts):
        caption += " That interval decides: better and worse need all of it on one side of 0."
    if any(each.later for each in contrasts):
        caption += " Of a verdict that fell at a look, the seeds of that look are drawn."
    if smallest is not None:
        caption += f" The band: less than {smallest:g} does not matter."
    place, title, axis = names
    arrow = "← better" if answer.better == "lower" else "better →"
    figure = in_rows(lines, [line.setting for line in lines], f"{axis} ({arrow})", draw, bold)
    return pictured(figure, place, title, caption + said[1], table)
