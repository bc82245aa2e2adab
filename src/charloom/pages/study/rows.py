"""A picture whose rows are settings, with their names above them: beside them a phone has no room."""

import textwrap
from collections.abc import Callable, Collection, Sequence

from markupsafe import Markup
from matplotlib.axes import Axes

from charloom.pages.comparison_rows import Row
from charloom.pages.inline import BOTTOM, PAPER, STYLE, TOP, drawing, inline
from charloom.pages.wording import in_lines, known

FONT = STYLE["font.family"]
WIDE = 54  # characters of a line
MANY = 12  # rows, above which the axis is at the top too
LINE, ROW = 10.5, 19.0  # points: of a line of a name, of what is drawn below it


def rows_picture(
    rows: Sequence[Row],
    names: Sequence[str],
    what: str,
    draw: Callable[[Axes], None],
    place: str,
    title: str,
    said: str,
    bold: Collection[str] = (),
) -> Markup:
    """Return the picture.

    names  what is written above each row
    what   the axis shows
    draw   fills the panel: the first row lies at 0, the next one at 1
    place, title, said  as in `inline`
    bold   settings that are to be found at once
    """
    written = [in_lines(name, WIDE, FONT) for name in names]
    pitch = LINE * max(name.count("\n") + 1 for name in written) + ROW
    above = TOP if len(rows) > MANY else 0.0
    height = BOTTOM + len(written) * pitch / 72 + above
    with drawing(height, 0.15) as figure:
        figure.subplots_adjust(top=1 - above / height)
        axes = figure.subplots()
        draw(axes)
        if above:
            axes.spines["top"].set_visible(True)
            axes.tick_params(axis="x", top=True, labeltop=True)
        axes.set_ylim(len(written) - 1 + ROW / 2 / pitch, -1 + ROW / 2 / pitch)
        for at, (name, row) in enumerate(zip(written, rows, strict=True)):
            axes.annotate(
                name, (0, at), xycoords=("axes fraction", "data"), xytext=(0, ROW / 2), textcoords="offset points",
                va="bottom", color=row.color, fontsize=8, weight="bold" if row.setting in bold else "normal",
            )  # fmt: skip
            axes.axhspan(at - 1 + ROW / 2 / pitch, at - ROW / 2 / pitch, color=PAPER, linewidth=0, zorder=0.5)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(textwrap.fill(known(what, FONT), WIDE))
        return inline(figure, place, title, f"{said}.")
