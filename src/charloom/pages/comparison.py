"""The picture of a comparison: what each setting came to, the differences to the baseline, and the way there.

What the seeds themselves did is seen whole. An interval or a band may leave a panel, as those of two seeds do, which
are nine standard deviations wide; and so may what exploded, which would press the rest into a line: a cross at the
edge stands for it.
"""

import textwrap
from collections.abc import Sequence
from statistics import median_low
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from charloom.pages.comparison_curves import draw_curves, with_room
from charloom.pages.figures import BLUE, GREY, SMALL, STYLE, VERMILION
from charloom.pages.wording import WIDE, beside, digits_of, in_lines, known, listed
from charloom.study.answer import ALPHA, CANNOT_TELL, LEVEL, Answer, Comparison, Interval
from charloom.study.measured import Measured
from charloom.study.words import PERCENT

COLORS = (VERMILION, BLUE, "#009E73", "#CC79A7")  # of the baseline and of others whose curves are drawn
ROWS = 40  # settings that are shown: more would be a poster
LINE, GAP, AROUND, CURVES = 0.125, 0.12, 0.7, 2.1  # inches: a line of text, between rows, around them, of curves


class Row(NamedTuple):
    """A setting in the picture; `comparison` is None for the baseline."""

    setting: str
    color: str
    comparison: Comparison | None


def comparison_figure(answer: Answer, measured: Measured) -> Figure:
    """Return the picture: settings and paired differences in rows, and below them each curve, if there are any."""
    rows = _rows(answer)
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


def _rows(answer: Answer) -> list[Row]:
    """Return the settings as rows, in their order; of too many the baseline and the best."""
    others = {each.setting: each for each in answer.comparisons}
    sign = 1 if answer.better == "lower" else -1
    means = {each.setting: each.mean for each in answer.summaries}
    best = sorted(others, key=lambda name: sign * mean if (mean := means[name]) is not None else float("inf"))
    kept = {answer.baseline, *best[: ROWS - 1]}
    own = list(others) if len(others) < len(COLORS) else best[:1]
    colors = dict(zip([answer.baseline, *own], COLORS, strict=False))
    return [Row(name, colors.get(name, GREY), others.get(name)) for name in means if name in kept]


def _draw_settings(axes: Axes, rows: list[Row], names: dict[str, str], answer: Answer, measured: Measured) -> None:
    """Draw each setting's seeds, their mean and its interval; crosses are those that exploded."""
    summaries = {each.setting: each for each in answer.summaries}
    kept = {
        row.setting: [
            t.value for t in measured.settings[row.setting].values() if t.value is not None and not t.exploded
        ]
        for row in rows
    }
    _limit(axes, [x for each in kept.values() for x in each], [summaries[row.setting].interval for row in rows])
    worse = axes.get_xlim()[answer.better == "lower"]
    for place, row in enumerate(rows):
        each = summaries[row.setting]
        _draw_row(axes, place, row.color, kept[row.setting], each.mean, each.interval)
        if _exploded(row, measured):
            axes.plot([worse], [place], "x", color=row.color, ms=5, clip_on=False, zorder=5)
    axes.set_yticks(range(len(rows)), [_label(row, names, measured) for row in rows], fontsize=SMALL)
    axes.tick_params(axis="y", length=0)
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_color(row.color)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    arrow = "← better" if answer.better == "lower" else "better →"
    axes.set_xlabel(textwrap.fill(f"{known(answer.measure)} ({arrow})", WIDE))
    axes.set_title("Each setting", loc="left", fontsize=9)


def _label(row: Row, names: dict[str, str], measured: Measured) -> str:
    """Return the setting's name, and below it what is to be known of it."""
    gone, trials = _exploded(row, measured), len(measured.settings[row.setting])
    notes = ["baseline"] * (row.comparison is None) + [f"{gone} of {trials} exploded"] * bool(gone)
    return names[row.setting] + f"\n({', '.join(notes)})" * bool(notes)


def _exploded(row: Row, measured: Measured) -> int:
    """Return how many of the setting's trials exploded; those that diverged are among them."""
    return sum(trial.exploded or trial.value is None for trial in measured.settings[row.setting].values())


def _draw_differences(axes: Axes, rows: list[Row], answer: Answer, measured: Measured) -> None:
    """Draw each pair's difference, their mean and its intervals, and say the verdict beside them."""
    smallest = answer.smallest_difference
    base = measured.settings[answer.baseline]
    kept = {
        row.setting: [
            difference for seed, difference in row.comparison.differences.items()
            if not (measured.settings[row.setting][seed].exploded or base[seed].exploded)
        ]
        for row in rows if row.comparison
    }  # fmt: skip
    always = [0.0] if smallest is None else [-smallest, 0.0, smallest]
    intervals = [x for row in rows if (c := row.comparison) for x in (c.interval, c.tested_interval)]
    _limit(axes, always + [x for each in kept.values() for x in each], intervals)
    axes.axvline(0, color="0.5", linewidth=0.6, zorder=0)
    if smallest is not None:
        axes.axvspan(-smallest, smallest, color="0.92", linewidth=0, zorder=-1)
    widths = [(c.interval[1] - c.interval[0]) / 2 for row in rows if (c := row.comparison) and c.interval]
    digits = digits_of(median_low(widths) if widths else 0.0)
    for place, row in enumerate(rows):
        if (each := row.comparison) is None:
            continue
        tested = each.tested_interval if each.tested_level != LEVEL else None
        _draw_row(axes, place, row.color, kept[row.setting], each.mean_difference, each.interval, tested)
        axes.annotate(
            beside(each, digits), (1, place), xycoords=("axes fraction", "data"), xytext=(8, 0),
            textcoords="offset points", va="center", fontsize=SMALL,
            color=GREY if each.verdict == CANNOT_TELL else "black",
        )  # fmt: skip
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("setting minus baseline")
    axes.set_title("Difference to the baseline, paired by seed", loc="left", fontsize=9)


def _draw_row(
    axes: Axes, place: int, color: str, dots: list[float], mean: float | None,
    interval: Interval | None, tested: Interval | None = None,
) -> None:  # fmt: skip
    """Draw one row: dots, a bar from end to end of the interval, a line for the tested one, a stroke at the mean."""
    low, high = axes.get_xlim()
    leaves = interval is not None and interval[0] < low and high < interval[1]
    for each in (tested, interval if leaves else None):
        if each:
            axes.plot(each, [place] * 2, color=color, linewidth=0.8, solid_capstyle="butt")
    if interval and not leaves:
        axes.barh(place, interval[1] - interval[0], 0.44, interval[0], color=color, alpha=0.25, linewidth=0)
    if mean is not None:
        axes.plot([mean] * 2, [place - 0.3, place + 0.3], color=color, linewidth=1.4, solid_capstyle="butt")
    if dots:  # of no point matplotlib would believe that it lies in the figure's corner
        axes.plot(dots, [place] * len(dots), "o", ms=3, color=color, mec="white", mew=0.4, clip_on=False, zorder=4)
    outside = (interval[0] < low, interval[1] > high) if interval else ()
    for goes_on, edge, arrow in zip(outside, (low, high), "<>", strict=False):
        if goes_on:
            axes.plot([edge], [place], arrow, ms=4, color=color, clip_on=False)


def _explained(rows: list[Row], answer: Answer, measured: Measured) -> list[Any]:
    """Return what is drawn in the two panels, each with what it means."""
    handles: list[Any] = [Line2D([], [], color=GREY, marker="o", ms=3, linestyle="", label="a seed")]
    if any(each.interval for each in answer.summaries):
        handles.append(Patch(facecolor=GREY, alpha=0.25, label=f"{PERCENT} interval of the mean (stroke)"))
    if any((c := row.comparison) and c.tested_interval and c.tested_level != LEVEL for row in rows):
        handles.append(Line2D([], [], color=GREY, linewidth=0.8, label="interval at the level that decides"))
    if answer.smallest_difference is not None:
        matters = f"less than {answer.smallest_difference:g}: does not matter"
        handles.append(Patch(facecolor="0.92", label=matters))
    if any(_exploded(row, measured) for row in rows):
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


def _limit(axes: Axes, dots: list[float], intervals: Sequence[Interval | None]) -> None:
    """Let the panel hold all dots, and the intervals but for those that leave these by their width on both sides."""
    if not dots:
        axes.set_xlim(0, 1)
        axes.set_xticks([])
        return
    low, high = min(dots), max(dots)
    reach = (high - low) or 0.05 * abs(high) or 1.0
    far = low - reach, high + reach
    ends = [end for each in intervals if each and (each[0] >= far[0] or each[1] <= far[1]) for end in each]
    low, high = max(min([low, *ends]), far[0]), min(max([high, *ends]), far[1])
    axes.set_xlim(*with_room(low, high))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}".replace("-", "−"))
