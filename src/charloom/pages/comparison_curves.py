"""The way there, in the picture of a comparison: the settings' curves, and their differences to the baseline.

As in figures.py, the first twentieth of the updates may leave a panel, and so may a band: what the seeds themselves
did after it is seen whole.
"""

from math import hypot

from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.ticker import MaxNLocator
from scipy.special import stdtrit

from charloom.pages.comparison_rows import with_room
from charloom.pages.figures import Curve, update_label
from charloom.pages.wording import known
from charloom.study.answer import LEVEL, Answer, Band
from charloom.study.measured import Measured


def draw_curves(figure: SubFigure, name: str, colors: dict[str, str], answer: Answer, measured: Measured) -> None:
    """Draw the means of these settings by update, and beside them their paired differences to the baseline."""
    curves = measured.curves[name]
    base = curves.get(answer.baseline, {})
    settings, differences = figure.subplots(1, 2)
    seen: tuple[list[Curve], list[Curve]] = [], []
    for setting, color in colors.items():
        own = curves.get(setting, {})
        whole = [curve for seed, curve in own.items() if measured.settings[setting][seed].value is not None]
        _draw_band(settings, _band(whole), color)
        seen[0].extend(whole)
        if found := answer.bands.get(name, {}).get(setting):
            _draw_band(differences, found, color)
            seen[1].extend(_minus(curve, base[seed]) for seed, curve in own.items() if seed in base)
    differences.axhline(0, color="0.5", linewidth=0.6, zorder=0)
    settings.set_ylabel(known(name))
    differences.set_ylabel("difference to the baseline")
    last = max((update for curve in seen[0] for update in curve), default=0)
    for axes, each, zero in ((settings, seen[0], []), (differences, seen[1], [0.0])):
        later = [value for curve in each for update, value in curve.items() if update >= last / 20] + zero
        if later:
            axes.set_ylim(*with_room(min(later), max(later)))
        axes.set_xlim(0, max(last, 1))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_major_formatter(update_label)
        axes.set_xlabel("updates")


def _draw_band(axes: Axes, band: Band, color: str) -> None:
    axes.plot(band.updates, band.means, color=color, linewidth=1)
    if band.intervals:
        low, high = zip(*band.intervals, strict=True)
        axes.fill_between(band.updates, low, high, color=color, alpha=0.25, linewidth=0)


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
