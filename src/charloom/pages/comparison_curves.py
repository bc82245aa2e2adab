"""The way there, in the picture of a comparison: the settings' curves, and their differences to the baseline.

As in figures.py, the first twentieth of the updates may leave a panel, and so may a band: what the seeds themselves
did after it is seen whole.
"""

from math import hypot
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.ticker import MaxNLocator
from scipy.special import stdtrit

from charloom.pages.comparison_rows import with_room
from charloom.pages.figures import Curve, update_label
from charloom.pages.wording import known
from paired.data_types import LEVEL, Answer, Band, Measured


class Stroke(NamedTuple):
    """How a setting's curve is drawn."""

    color: str
    line: str = "-"


def draw_curves(figure: SubFigure, name: str, colors: dict[str, str], answer: Answer, measured: Measured) -> None:
    """Draw the means of these settings by update, and beside them their paired differences to the baseline."""
    settings, differences = figure.subplots(1, 2)
    strokes = {setting: Stroke(color) for setting, color in colors.items()}
    draw_means(settings, name, strokes, measured)
    draw_paired(differences, name, strokes, answer, measured)
    settings.set_ylabel(known(name))
    differences.set_ylabel("difference to the baseline")


def draw_means(axes: Axes, name: str, strokes: dict[str, Stroke], measured: Measured) -> None:
    """Draw the means of these settings by update, each with its band."""
    for setting, stroke in strokes.items():
        _draw_band(axes, mean_band(name, setting, measured), stroke)
    _limit(axes, _drawn(name, strokes, measured), _last(name, strokes, measured))


def draw_paired(
    axes: Axes, name: str, strokes: dict[str, Stroke], answer: Answer, measured: Measured, line: str = "0.5"
) -> None:
    """Draw the paired differences of these settings to the baseline by update, each with its band."""
    base, seen = measured.curves[name].get(answer.baseline, {}), list[Curve]()
    for setting, stroke in strokes.items():
        if found := answer.bands.get(name, {}).get(setting):
            _draw_band(axes, found, stroke)
            own = measured.curves[name][setting]
            seen += [_minus(curve, base[seed]) for seed, curve in own.items() if seed in base]
    axes.axhline(0, color=line, linewidth=0.6, zorder=0)
    _limit(axes, [*seen, {_last(name, strokes, measured): 0.0}], _last(name, strokes, measured))


def mean_band(name: str, setting: str, measured: Measured) -> Band:
    """Return the mean of the setting's curves by update, with its interval, of the trials that have not diverged."""
    return _band(_whole(name, setting, measured))


def _whole(name: str, setting: str, measured: Measured) -> list[Curve]:
    curves = measured.curves[name].get(setting, {})
    return [curve for seed, curve in curves.items() if measured.settings[setting][seed].value is not None]


def _drawn(name: str, strokes: dict[str, Stroke], measured: Measured) -> list[Curve]:
    return [curve for setting in strokes for curve in _whole(name, setting, measured)]


def _last(name: str, strokes: dict[str, Stroke], measured: Measured) -> int:
    return max((update for curve in _drawn(name, strokes, measured) for update in curve), default=0)


def _limit(axes: Axes, curves: list[Curve], last: int) -> None:
    """Let the panel hold what the seeds did after the first twentieth of the updates."""
    later = [value for curve in curves for update, value in curve.items() if update >= last / 20]
    if later:
        axes.set_ylim(*with_room(min(later), max(later)))
    axes.set_xlim(0, max(last, 1))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(update_label)
    axes.set_xlabel("updates")


def _draw_band(axes: Axes, band: Band, stroke: Stroke) -> None:
    axes.plot(band.updates, band.means, stroke.line, color=stroke.color, linewidth=1)
    if band.intervals:
        low, high = zip(*band.intervals, strict=True)
        axes.fill_between(band.updates, low, high, color=stroke.color, alpha=0.25, linewidth=0)


def _band(curves: list[Curve]) -> Band:
    """Return the mean of the curves where all have a value, and Student's interval; none of a single curve."""
    n = len(curves)
    updates = sorted(set.intersection(*map(set, curves))) if curves else []
    means = [sum(curve[u] for curve in curves) / n for u in updates]
    if n < 2:
        return Band(updates, means, [])
    factor = float(stdtrit(n - 1, (1 + LEVEL) / 2)) / (n * (n - 1)) ** 0.5
    halves = [factor * hypot(*(curve[u] - mean for curve in curves)) for u, mean in zip(updates, means, strict=True)]
    return Band(updates, means, [(mean - half, mean + half) for mean, half in zip(means, halves, strict=True)])


def _minus(one: Curve, other: Curve) -> Curve:
    return {update: value - other[update] for update, value in one.items() if update in other}
