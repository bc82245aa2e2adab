"""A panel of a comparison whose rows are settings: in each its dots, their mean and its interval.

What the seeds themselves did is seen whole. An interval may leave a panel, as that of two seeds does, which is nine
standard deviations wide; and so may what exploded, which would press the rest into a line: a cross at the edge stands
for it.
"""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from paired.data_types import LEVEL, Answer, Comparison, Interval, Measured

ROWS = 40  # settings that are shown: more would be a poster


class Row(NamedTuple):
    """A setting in the picture; `comparison` is None for the baseline."""

    setting: str
    color: str
    comparison: Comparison | None


def rows_of(answer: Answer, colors: Sequence[str], grey: str) -> list[Row]:
    """Return the settings as rows, in their order; of too many the baseline and the best.

    colors  of the baseline and of the others whose curves are drawn: all where they are enough, else the best alone
    """
    others = {each.setting: each for each in answer.comparisons}
    sign = 1 if answer.better == "lower" else -1
    means = {each.setting: each.mean for each in answer.summaries}
    best = sorted(others, key=lambda name: sign * mean if (mean := means[name]) is not None else float("inf"))
    kept = {answer.baseline, *best[: ROWS - 1]}
    own = list(others) if len(others) < len(colors) else best[:1]
    of = dict(zip([answer.baseline, *own], colors, strict=False))
    return [Row(name, of.get(name, grey), others.get(name)) for name in means if name in kept]


class Look(NamedTuple):
    """The colours of what is no setting's own: round a dot, of the line at no difference, of what does not matter."""

    edge: str
    line: str
    band: str


PRINTED = Look("white", "0.5", "0.92")


def exploded(row: Row, measured: Measured) -> int:
    """Return how many of the setting's trials exploded; those that diverged are among them."""
    return sum(trial.exploded or trial.value is None for trial in measured.settings[row.setting].values())


def notes(row: Row, measured: Measured) -> str:
    """Return what is to be known of the setting beside its name; it may be nothing."""
    gone, trials = exploded(row, measured), len(measured.settings[row.setting])
    said = ["baseline"] * (row.comparison is None) + [f"{gone} of {trials} exploded"] * bool(gone)
    return f"({', '.join(said)})" if said else ""


def draw_settings(axes: Axes, rows: Sequence[Row], answer: Answer, measured: Measured, look: Look = PRINTED) -> None:
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
        _draw_row(axes, look, place, row.color, kept[row.setting], each.mean, each.interval)
        if exploded(row, measured):
            axes.plot([worse], [place], "x", color=row.color, ms=5, clip_on=False, zorder=5)
    axes.set_ylim(len(rows) - 0.5, -0.5)


def draw_differences(axes: Axes, rows: Sequence[Row], answer: Answer, measured: Measured, look: Look = PRINTED) -> None:
    """Draw each pair's difference, their mean and its intervals, and where a difference does not matter."""
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
    axes.axvline(0, color=look.line, linewidth=0.6, zorder=0)
    if smallest is not None:
        axes.axvspan(-smallest, smallest, color=look.band, linewidth=0, zorder=-1)
    for place, row in enumerate(rows):
        if each := row.comparison:
            tested = each.tested_interval if each.tested_level != LEVEL else None
            _draw_row(axes, look, place, row.color, kept[row.setting], each.mean_difference, each.interval, tested)


def with_room(low: float, high: float) -> Interval:
    """Return the limits with a little room on both sides."""
    room = 0.06 * (high - low) or 0.02 * abs(high) or 1.0
    return low - room, high + room


def _draw_row(
    axes: Axes, look: Look, place: int, color: str, dots: list[float], mean: float | None,
    interval: Interval | None, tested: Interval | None = None,
) -> None:  # fmt: skip
    """Draw one row: dots, a bar from end to end of the interval, a line for the tested one, a stroke at the mean."""
    low, high = axes.get_xlim()
    leaves = interval is not None and interval[0] < low and high < interval[1]
    for each in (tested, interval if leaves else None):
        if each:
            axes.plot(each, [place] * 2, "|-", color=color, linewidth=0.8, ms=7, mew=0.8, solid_capstyle="butt")
    if interval and not leaves:
        axes.barh(place, interval[1] - interval[0], 0.44, interval[0], color=color, alpha=0.25, linewidth=0)
    if mean is not None:
        axes.plot([mean] * 2, [place - 0.3, place + 0.3], color=color, linewidth=1.4, solid_capstyle="butt")
    if dots:  # of no point matplotlib would believe that it lies in the figure's corner
        axes.plot(dots, [place] * len(dots), "o", ms=3, color=color, mec=look.edge, mew=0.4, clip_on=False, zorder=4)
    outside = (interval[0] < low, interval[1] > high) if interval else ()
    for goes_on, edge, arrow in zip(outside, (low, high), "<>", strict=False):
        if goes_on:
            axes.plot([edge], [place], arrow, ms=4, color=color, clip_on=False)


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
