"""The picture of differences: each setting minus the baseline, or the effects of the factors."""

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
    """A row of the picture.

    setting   the label
    color     the colour of the row
    contrast  the contrast that is drawn; None for the baseline
    dots      the differences that are drawn, one for each seed
    """

    setting: str
    color: str
    contrast: Contrast | None
    dots: list[float]


def differences(
    compared: Compared, lines: Sequence[Line], names: tuple[str, str, str], caption_ends: tuple[str, str], table: Table,
    bold: Collection[str] = (),
) -> Picture:  # fmt: skip
    """Return the picture with a row for each line: dots, mean, and intervals of the differences.

    names         the picture's id on the page, its title, and the label of its x axis
    caption_ends  the beginning and the end of the caption
    table         the numbers in the picture
    bold          labels of rows that are bold
    """
    answer, smallest = compared.answer, compared.answer.smallest_difference
    contrasts = [line.contrast for line in lines if line.contrast]
    tested = {id(row): row.tested_interval for row in contrasts if round(row.tested_level, 6) != LEVEL}
    drawn = [
        Drawn(line.dots, row.mean_difference, row.interval, tested.get(id(row))) if (row := line.contrast) else None
        for line in lines
    ]

    def draw(axes: Axes) -> None:
        draw_differences(axes, lines, drawn, smallest)

    caption = f"{caption_ends[0]}, a stroke is their mean, a bar is the mean’s {words.PERCENT} interval."
    if any(tested.values()):
        caption += (
            " The verdict comes from the line between two short strokes: an interval that is widened because several "
            "effects are tested, or at several looks. If the whole line is on one side of 0, the verdict can be "
            "better or worse. The bar decides nothing."
        )
    elif any(row.interval for row in contrasts):
        caption += " If the whole interval is on one side of 0, the verdict can be better or worse."
    if any(row.later for row in contrasts):
        caption += " If a verdict was reached at a look, only the seeds of that look are drawn."
    if smallest is not None:
        caption += f" Grey band: differences below {smallest:g} do not matter."
    place, title, axis = names
    arrow = "← better" if answer.better == "lower" else "better →"
    figure = in_rows(lines, [line.setting for line in lines], f"{axis} ({arrow})", draw, bold)
    return pictured(figure, place, title, caption + caption_ends[1], table)
