"""The picture of a comparison: what each setting came to, the differences to the baseline, and the way there."""

import textwrap
from statistics import median_low
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from charloom.pages.comparison_curves import draw_curves
from charloom.pages.comparison_rows import Row, draw_differences, draw_settings, exploded, notes, rows_of
from charloom.pages.figures import BLUE, GREY, SMALL, STYLE, VERMILION
from charloom.pages.wording import WIDE, beside, digits_of, in_lines, known, listed
from paired.data_types import ALPHA, CANNOT_TELL, LEVEL, Answer, Measured
from paired.sentences import PERCENT

COLORS = (VERMILION, BLUE, "#009E73", "#CC79A7")  # of the baseline and of others whose curves are drawn
LINE, GAP, AROUND, CURVES = 0.125, 0.12, 0.7, 2.1  # inches: a line of text, between rows, around them, of curves


def comparison_figure(answer: Answer, measured: Measured) -> Figure:
    """Return the picture: settings and paired differences in rows, and below them each curve, if there are any."""
    rows = rows_of(answer, COLORS, GREY)
    names = {row.setting: in_lines(row.setting) for row in rows}
    drawn = [row for row in rows if row.color != GREY]
    curves = [name for name, each in measured.curves.items() if any(each.values())]
    tall = max(2, *(_label(row, names, measured).count("\n") + 1 for row in rows)) * LINE + GAP
    explained = _explained(rows, answer, measured)
    heights = [len(rows) * tall + AROUND, (-(-len(explained) // 3) + 1.8) * LINE]
    if curves:
        heights += [(len(drawn) + 1.8) * LINE, *[CURVES] * len(curves)]
    with mpl.rc_context(STYLE | {"text.parse_math": False}):  # a name may hold a dollar
        figure = Figure(figsize=(8, sum(heights)), dpi=200, layout="constrained")
        top, key, *below = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
        settings, differences = top.subplots(1, 2, sharey=True)
        _draw_settings(settings, rows, names, answer, measured)
        _draw_differences(differences, rows, answer, measured)
        _write(key, explained, _rule(rows, answer), 3)
        for name, part in zip(curves, below[1:], strict=True):
            draw_curves(part, name, {row.setting: row.color for row in drawn}, answer, measured)
        if below:
            few = f": the baseline and the best of the other {len(rows) - 1}" if len(drawn) < len(rows) else ""
            handles = [Line2D([], [], color=row.color, label=names[row.setting].replace("\n", " ")) for row in drawn]
            _write(below[0], handles, f"Means along training, with their {PERCENT} intervals{few}", 1)
    return figure


def _draw_settings(axes: Axes, rows: list[Row], names: dict[str, str], answer: Answer, measured: Measured) -> None:
    """Draw the settings, and write their names beside them."""
    draw_settings(axes, rows, answer, measured)
    axes.set_yticks(range(len(rows)), [_label(row, names, measured) for row in rows], fontsize=SMALL)
    axes.tick_params(axis="y", length=0)
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_color(row.color)
    arrow = "← better" if answer.better == "lower" else "better →"
    axes.set_xlabel(textwrap.fill(f"{known(answer.measure)} ({arrow})", WIDE))
    axes.set_title("Each setting", loc="left", fontsize=9)


def _label(row: Row, names: dict[str, str], measured: Measured) -> str:
    """Return the setting's name, and below it what is to be known of it."""
    return "\n".join(filter(None, [names[row.setting], notes(row, measured)]))


def _draw_differences(axes: Axes, rows: list[Row], answer: Answer, measured: Measured) -> None:
    """Draw the differences, and say the verdict beside them."""
    draw_differences(axes, rows, answer, measured)
    widths = [(c.interval[1] - c.interval[0]) / 2 for row in rows if (c := row.comparison) and c.interval]
    digits = digits_of(median_low(widths) if widths else 0.0)
    for place, row in enumerate(rows):
        if each := row.comparison:
            axes.annotate(
                beside(each, digits), (1, place), xycoords=("axes fraction", "data"), xytext=(8, 0),
                textcoords="offset points", va="center", fontsize=SMALL,
                color=GREY if each.verdict == CANNOT_TELL else "black",
            )  # fmt: skip
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("setting minus baseline")
    axes.set_title("Difference to the baseline, paired by seed", loc="left", fontsize=9)


def _explained(rows: list[Row], answer: Answer, measured: Measured) -> list[Any]:
    """Return what is drawn in the two panels, each with what it means."""
    handles: list[Any] = [Line2D([], [], color=GREY, marker="o", ms=3, linestyle="", label="a seed")]
    if any(each.interval for each in answer.summaries):
        handles.append(Patch(facecolor=GREY, alpha=0.25, label=f"{PERCENT} interval of the mean (stroke)"))
    if any((c := row.comparison) and c.tested_interval and c.tested_level != LEVEL for row in rows):
        handles.append(
            Line2D([], [], color=GREY, marker="|", linewidth=0.8, label="interval at the level that decides")
        )
    if answer.smallest_difference is not None:
        matters = f"less than {answer.smallest_difference:g}: does not matter"
        handles.append(Patch(facecolor="0.92", label=matters))
    if any(exploded(row, measured) for row in rows):
        says = "exploded: diverged, or worse than a uniform guess"
        handles.append(Line2D([], [], color=GREY, marker="x", ms=5, linestyle="", label=says))
    return handles


def _rule(rows: list[Row], answer: Answer) -> str:
    """Return by which rule it was decided, and what is left out."""
    looks = f"{len(answer.looks)} looks, at {listed(answer.looks)} seeds" if len(answer.looks) > 1 else "one look"
    several = f", {len(answer.comparisons)} settings against the baseline (Holm)" if len(answer.comparisons) > 1 else ""
    rule = f"Student’s t, paired by seed; at most {100 * ALPHA:g} % false alarms in all: {looks}{several}"
    if len(answer.summaries) > len(rows):
        rule += f"; shown are the baseline and the best {len(rows) - 1}"
    return rule


def _write(figure: SubFigure, handles: list[Any], title: str, columns: int) -> None:
    """Fill the strip with what is drawn in which way, below a line."""
    figure.legend(
        handles=handles, loc="upper left", ncols=columns, fontsize=SMALL, title=title, title_fontsize=SMALL,
        alignment="left", columnspacing=1.4, labelspacing=0.3, borderaxespad=0,
    )  # fmt: skip
