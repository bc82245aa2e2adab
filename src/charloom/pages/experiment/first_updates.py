"""The section on the first updates, in which the loss of the published recipe jumps.

It shows the cause, and the effect of the initial value of AdaGrad's accumulator (the *start*).
"""

from dataclasses import replace
from typing import NamedTuple

from charloom.base.logarithm import log
from charloom.network.adagrad import AdaGrad
from charloom.network.recipe import Recipe
from charloom.network.rnn import SATURATED
from charloom.pages.along_updates import Curve, draw, over_updates, settled, table_of
from charloom.pages.experiment.experiment_files import Results
from charloom.pages.experiment.replay import First, replayed
from charloom.pages.pictures import BLUE, GREEN, GREY, PINK, VERMILION, drawing, pictured
from charloom.pages.sections import Picture, Section, Table

CURE = 10.0  # initial value of AdaGrad's accumulator at which the loss does not jump
RISEN = 1.1  # a peak above this multiple of the first loss is a jump; a lower one may come from the text
LIMIT = log((1 + SATURATED) / (1 - SATURATED)) / 2  # |a| above which a unit is saturated: artanh(SATURATED)
SHARE = "share of saturated hidden units"


def color_of(start: float) -> str:
    """Return the colour of trainings with this initial value of AdaGrad's accumulator: BLUE except for 0 and CURE."""
    return {0.0: VERMILION, CURE: GREEN}.get(start, BLUE)


class Replay(NamedTuple):
    """Measures of a training's first updates, with the line style (matplotlib's) and the colour of their curves."""

    first: First
    line: str
    color: str


def section(results: Results) -> Section:
    """Return the section, which compares this run's first updates with others.

    A run with AdaGrad is compared with the same run from another initial accumulator. If the loss jumps, the run is
    also repeated with a W that keeps its initial values, to test whether the steps of W are the cause.
    """
    recipe, color, replays = results.params.recipe, BLUE, dict[str, Replay]()
    run, other, otherwise, held = _of(recipe, results), None, None, None
    if isinstance(recipe.optimizer, AdaGrad):
        own = recipe.optimizer.initial_accumulator_value
        other = CURE if own != CURE else 0.0
        otherwise = _of(replace(recipe, optimizer=recipe.optimizer._replace(initial_accumulator_value=other)), results)
        color = color_of(own)
        replays[f"this run: AdaGrad from {own:g}"] = Replay(run, "o-", color)
        replays[f"the same from {other:g}"] = Replay(otherwise, "s--", color_of(other))
    else:
        replays["this run"] = Replay(run, "o-", color)
    if jumps(run):
        held = _of(recipe, results, held=True)
        replays["this run, but W never moves"] = Replay(held, "^:", PINK)
    pictures = [
        _first(replays, "losses", "loss (nats per sequence)", ".1f", "The loss, before each update’s step."),
        _first(
            replays, "sums", "W h: a unit’s input from all units", ".3g",
            f"Root mean square. A unit whose total input is above {LIMIT:.2f} (dashed) is saturated. Dotted: with "
            "random signs in W, so that only the size of the weights counts.",
        ),
        _first(
            replays, "saturated", SHARE, ".0%",
            f"A unit with |h| > {SATURATED:g} is saturated. A saturated unit passes on less than a fiftieth of a "
            "gradient.",
        ),
        _saturated(results, color),
    ]  # fmt: skip
    if results.has_published_recipe and results.study:
        pictures.append(_study(results))
    it = {"run": run, "other": other, "otherwise": otherwise, "held": held, "jumps": jumps}
    return Section("first-updates", "The first updates", it, pictures)


def jumps(first: First) -> bool:
    """Return whether the loss jumps: the highest of the first losses is above RISEN times the very first one."""
    return max(first.losses) > RISEN * first.losses[0]


def _of(recipe: Recipe, results: Results, held: bool = False) -> First:
    """Return measures of the first updates of this run, but with the given recipe.

    held  whether W keeps its initial values
    """
    return replayed(recipe, results.params.seed, results.train.updates, results.text.K, results.corpus.training, held)


def _first(replays: dict[str, Replay], which: str, what: str, form: str, caption: str) -> Picture:
    """Return the picture of one measure over the first updates, with a line for each training.

    which  name of a field of First: the measure
    what   the picture's title
    form   format of the values in the picture's table: ".2f"
    """
    curves: dict[str, Curve] = {label: dict(enumerate(getattr(row.first, which))) for label, row in replays.items()}
    with drawing(2.5) as (figure, (axes,)):
        for label, (first, line, color) in replays.items():
            axes.plot(getattr(first, which), line, color=color, ms=2.2, label=label, clip_on=False)
            if which == "sums":
                axes.plot(first.drawn, ":", color=color, linewidth=0.9)
            over_updates(axes, len(first.losses) - 1)
        if which == "sums":
            axes.axhline(LIMIT, color=GREY, linewidth=0.6, linestyle=(0, (4, 3)), zorder=0)
        if which != "losses":
            top = 1.0 if which == "saturated" else 1.5 * axes.get_ylim()[1]
            axes.set_ylim(-0.03 * top, top)  # so that a line at 0 lies above the axis
        if which == "saturated":
            axes.yaxis.set_major_formatter("{x:.0%}")
        axes.legend(loc="center right" if which == "saturated" else "upper right")
        axes.set_title(what)
    return pictured(figure, f"first-{which}", f"{what}, first updates", caption, table_of(curves, form))


def _saturated(results: Results, color: str) -> Picture:
    """Return the picture of the share of saturated units over the whole run."""
    curve = results.curves["saturated_fraction"]
    last = list(curve.values())[-1]
    with drawing(2.5) as (figure, (axes,)):
        draw(axes, curve, color, linewidth=0.9)
        over_updates(axes, results.train.updates)
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter("{x:.0%}")
        axes.set_title(SHARE)
    return pictured(
        figure, "saturated", f"{SHARE}, whole run",
        f"Over the whole run, every 1,000 updates. At the end {100 * last:.0f} % of the hidden units are saturated.",
        table_of({"saturated": curve}, ".1%"),
    )  # fmt: skip


def _study(results: Results) -> Picture:
    """Return the picture with the smooth loss of each of the study's trials, and of this run."""
    updates = results.train.updates
    with drawing(3.0) as (figure, (axes,)):
        for start, rows in results.study.items():
            for row in rows:
                label = f"the study, from {start:g}" if row is rows[0] else None
                draw(axes, settled(row.smooth_loss, updates), color_of(start), label, linewidth=0.6, alpha=0.8)
        draw(axes, settled(results.curves["smooth_loss"], updates), BLUE, "this run", linewidth=1.4)
        over_updates(axes, updates)
        axes.set_title("smooth loss (nats per sequence)")
        axes.margins(y=0.15)
        axes.legend(loc="upper right")
    ends = {start: [list(row.smooth_loss.values())[-1] for row in rows] for start, rows in results.study.items()}
    ranges = "; ".join(f"from {start:g} they end between {min(e):.1f} and {max(e):.1f}" for start, e in ends.items())
    table = [
        (f"starts at {start:g}, seed {row.seed}", f"{row.held_out_bits_per_character:.4f}", f"{end:.3f}")
        for start, rows in results.study.items()
        for row, end in zip(rows, ends[start], strict=True)
    ]
    return pictured(
        figure, "study-curves", "smooth loss of the study’s trials",
        f"A line for each seed of the study: {ranges}. The first twentieth of the updates is left out.",
        Table(("trial", "held-out bits per character", "smooth loss at the end"), table),
    )  # fmt: skip
