"""The picture of differences: each setting minus the baseline, or the effects of the factors."""

from collections.abc import Sequence

from charloom.pages.pictures import FAINT, GREY, pictured
from charloom.pages.sections import Picture, Table
from charloom.pages.study.compared import Compared
from charloom.pages.study.setting_rows import Line, in_rows
from paired import sentences as words
from paired.data_types import LEVEL, Contrast


def line_of(name: str, color: str, contrast: Contrast, dots: list[float], *, bold: bool) -> Line:
    """Return the row of a contrast: its mean and intervals, and a dot for each value in `dots`."""
    tested = contrast.tested_interval if round(contrast.tested_level, 6) != LEVEL else None
    later = contrast.n < len(contrast.differences)
    return Line(name, color, dots, contrast.mean_difference, contrast.interval, tested, bold, later)


def differences(
    compared: Compared, lines: Sequence[Line], names: tuple[str, str, str], caption_ends: tuple[str, str], table: Table
) -> Picture:
    """Return the picture with these rows, which `line_of` returns.

    names         the picture's id on the page, its title, and the label of its x axis
    caption_ends  the beginning and the end of the caption
    table         the numbers in the picture
    """
    smallest = compared.answer.smallest_difference
    caption = f"{caption_ends[0]}, a stroke is their mean, a bar is the mean’s {words.PERCENT} interval."
    if any(line.tested for line in lines):
        caption += (
            " The verdict comes from the line between two short strokes: an interval that is widened because several "
            "effects are tested, or at several looks. If the whole line is on one side of 0, the verdict can be "
            "better or worse. The bar decides nothing."
        )
    elif any(line.interval for line in lines):
        caption += " If the whole interval is on one side of 0, the verdict can be better or worse."
    if any(line.later for line in lines):
        caption += " If a verdict was reached at a look, only the seeds of that look are drawn."
    if smallest is not None:
        caption += f" Grey band: differences below {smallest:g} do not matter."
    place, title, axis = names
    always = [0.0] if smallest is None else [-smallest, 0.0, smallest]
    with in_rows(lines, f"{axis} ({compared.arrow})", always=always) as (figure, axes):
        axes.axvline(0, color=GREY, linewidth=0.6, zorder=0)
        if smallest is not None:
            axes.axvspan(-smallest, smallest, color=FAINT, linewidth=0, zorder=-1)
    return pictured(figure, place, title, caption + caption_ends[1], table)
