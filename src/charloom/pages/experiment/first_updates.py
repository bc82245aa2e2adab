"""The first updates, where the published recipe jumps: what makes it, and what another start of AdaGrad does."""

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

CURE = 10.0  # the start of AdaGrad's accumulator that tames the first updates
RISEN = 1.1  # times the first loss: a peak above it is a leap, not the unevenness of the text
LIMIT = log((1 + SATURATED) / (1 - SATURATED)) / 2  # |a| beyond which a unit is saturated: artanh of it
SHARE = "share of saturated hidden units"


def color_of(start: float) -> str:
    """Return the colour of trainings in which AdaGrad's accumulator starts there: one of its own for 0 and the cure."""
    return {0.0: VERMILION, CURE: GREEN}.get(start, BLUE)


def _own_color(recipe: Recipe) -> str:
    optimizer = recipe.optimizer
    return color_of(optimizer.initial_accumulator_value) if isinstance(optimizer, AdaGrad) else BLUE


class Seen(NamedTuple):
    """A training's first updates, and how they are drawn."""

    first: First
    line: str
    color: str


def section(results: Results) -> Section:
    """Return the section: this run, and beside it what another start of AdaGrad's sum does, and W where it never moves.

    The last is there where the loss jumps: whether W's steps make the jump is tried, not supposed.
    """
    recipe, seen = results.params.recipe, dict[str, Seen]()
    run, other, otherwise, held = _of(recipe, results), None, None, None
    if isinstance(recipe.optimizer, AdaGrad):
        own = recipe.optimizer.initial_accumulator_value
        other = CURE if own != CURE else 0.0
        otherwise = _of(replace(recipe, optimizer=recipe.optimizer._replace(initial_accumulator_value=other)), results)
        seen[f"this run: AdaGrad from {own:g}"] = Seen(run, "o-", _own_color(recipe))
        seen[f"the same from {other:g}"] = Seen(otherwise, "s--", color_of(other))
    else:
        seen["this run"] = Seen(run, "o-", _own_color(recipe))
    if jumps(run):
        held = _of(recipe, results, held=True)
        seen["this run, but W never moves"] = Seen(held, "^:", PINK)
    pictures = [
        _first(seen, "losses", "loss (nats per sequence)", ".1f", "The loss, before each update’s step."),
        _first(
            seen, "sums", "W h: what a unit gets from the others", ".3g",
            f"The root mean square. A unit that gets more than {LIMIT:.2f} in all (dashed) is saturated. Dotted: "
            "what it would be if the signs in W were drawn, which is due to the size of the weights alone.",
        ),
        _first(
            seen, "saturated", SHARE, ".0%",
            f"A unit with |h| > {SATURATED:g} is saturated. While it is, it passes on less than a fiftieth of a "
            "gradient.",
        ),
        _saturated(results),
    ]  # fmt: skip
    if results.has_published_recipe and results.study:
        pictures.append(_study(results))
    it = {"run": run, "other": other, "otherwise": otherwise, "held": held, "jumps": jumps}
    return Section("first-updates", "The first updates", it, pictures)


def jumps(first: First) -> bool:
    """Return whether the loss rises far above the first."""
    return max(first.losses) > RISEN * first.losses[0]


def _of(recipe: Recipe, results: Results, held: bool = False) -> First:
    """Return the first updates of a training like this one, by this recipe; `held`: in which W never moves."""
    return replayed(recipe, results.params.seed, results.train.updates, results.text.K, results.corpus.training, held)


def _first(seen: dict[str, Seen], which: str, what: str, form: str, caption: str) -> Picture:
    """Return one of the measures over the first updates, of each training."""
    curves: dict[str, Curve] = {label: dict(enumerate(getattr(each.first, which))) for label, each in seen.items()}
    with drawing(2.5) as (figure, (axes,)):
        for label, (first, line, color) in seen.items():
            axes.plot(getattr(first, which), line, color=color, ms=2.2, label=label, clip_on=False)
            if which == "sums":
                axes.plot(first.drawn, ":", color=color, linewidth=0.9)
            over_updates(axes, len(first.losses) - 1)
        if which == "sums":
            axes.axhline(LIMIT, color=GREY, linewidth=0.6, linestyle=(0, (4, 3)), zorder=0)
        if which != "losses":
            top = 1.0 if which == "saturated" else 1.5 * axes.get_ylim()[1]
            axes.set_ylim(-0.03 * top, top)  # a line at 0 is seen above the axis
        if which == "saturated":
            axes.yaxis.set_major_formatter("{x:.0%}")
        axes.legend(loc="center right" if which == "saturated" else "upper right")
        axes.set_title(what)
    return pictured(figure, f"first-{which}", f"{what}, first updates", caption, table_of(curves, form))


def _saturated(results: Results) -> Picture:
    """Return the share of saturated units over the whole run."""
    curve = results.curves["saturated_fraction"]
    last = list(curve.values())[-1]
    with drawing(2.5) as (figure, (axes,)):
        draw(axes, curve, _own_color(results.params.recipe), linewidth=0.9)
        over_updates(axes, results.train.updates)
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter("{x:.0%}")
        axes.set_title(SHARE)
    return pictured(
        figure, "saturated", f"{SHARE}, whole run",
        f"Over the whole run, every 1,000 updates: at its end {100 * last:.0f} % of the hidden units are saturated.",
        table_of({"saturated": curve}, ".1%"),
    )  # fmt: skip


def _study(results: Results) -> Picture:
    """Return smooth loss of the study's trials along training, and of this run."""
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
    said = "; ".join(f"from {start:g} they end between {min(e):.1f} and {max(e):.1f}" for start, e in ends.items())
    table = [
        (f"starts at {start:g}, seed {row.seed}", f"{row.held_out_bits_per_character:.4f}", f"{end:.3f}")
        for start, rows in results.study.items()
        for row, end in zip(rows, ends[start], strict=True)
    ]
    return pictured(
        figure, "study-curves", "smooth loss of the study’s trials",
        f"A line for each seed of the study: {said}. The first twentieth of the updates is left out.",
        Table(("trial", "held-out bits per character", "smooth loss at the end"), table),
    )  # fmt: skip
