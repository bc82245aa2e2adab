"""The first updates, where the published recipe throws its weights about, and what another start of AdaGrad does."""

from dataclasses import replace
from typing import NamedTuple

from charloom.network.adagrad import AdaGrad
from charloom.network.recipe import Recipe
from charloom.network.rnn import SATURATED, deviations
from charloom.pages.along_updates import Curve, draw, over_updates, settled, table_of
from charloom.pages.experiment.experiment_files import Results
from charloom.pages.experiment.replay import First, replayed
from charloom.pages.pictures import BLUE, GREEN, VERMILION, drawing, pictured
from charloom.pages.sections import Picture, Section, Table

CURE = 10.0  # the start of AdaGrad's accumulator that tames the first updates
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
    """Return the section: this run, and beside it where AdaGrad trains what another start of its sum does."""
    recipe, other, seen = results.params.recipe, None, dict[str, Seen]()
    if isinstance(recipe.optimizer, AdaGrad):
        own = recipe.optimizer.initial_accumulator_value
        other = CURE if own != CURE else 0.0
        cured = replace(recipe, optimizer=recipe.optimizer._replace(initial_accumulator_value=other))
        seen[f"this run: AdaGrad from {own:g}"] = Seen(_of(recipe, results), "o-", _own_color(recipe))
        seen[f"the same from {other:g}"] = Seen(_of(cured, results), "s--", _own_color(cured))
    else:
        seen["this run"] = Seen(_of(recipe, results), "o-", _own_color(recipe))
    run, *otherwise = (each.first for each in seen.values())
    run.losses[:] = [results.curves["loss"].get(u, loss) for u, loss in enumerate(run.losses)]
    pictures = [
        _first(seen, "losses", "loss (nats per sequence)", ".1f", "The loss, before each update’s step."),
        _first(
            seen, "typical", "step of the weights", ".4f",
            "How far an update moves the weights: the root mean square of all, and, dotted, the one that it moves "
            f"most. {_drawn(recipe, results.text.K, run.typical[0])}",
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
    smallest = min(deviations(recipe.m, results.text.K, recipe.sigma).values())
    it = {"other": other, "run": run, "otherwise": otherwise[0] if otherwise else None, "smallest": smallest}
    return Section("first-updates", "The first updates", it, pictures)


def _of(recipe: Recipe, results: Results) -> First:
    """Return the first updates of a training like this one, by this recipe."""
    return replayed(recipe, results.params.seed, results.train.updates, results.text.K, results.corpus.training)


def _drawn(recipe: Recipe, K: int, first: float) -> str:
    """Say how large the weights are before the first step, and how large that is beside them."""
    drawn = sorted(deviations(recipe.m, K, recipe.sigma).values())
    if drawn[0] == drawn[-1]:
        times = f"{first / drawn[0]:.2g} times that"
        return f"They were drawn with a standard deviation of {drawn[0]:g}; the first step is {times}."
    return f"They were drawn with standard deviations from {drawn[0]:.2g} to {drawn[-1]:.2g}."


def _first(seen: dict[str, Seen], which: str, what: str, form: str, caption: str) -> Picture:
    """Return one of the measures over the first updates, of each training."""
    curves: dict[str, Curve] = {label: dict(enumerate(getattr(each.first, which))) for label, each in seen.items()}
    with drawing(2.5) as (figure, (axes,)):
        for label, (first, line, color) in seen.items():
            axes.plot(getattr(first, which), line, color=color, ms=2.2, label=label, clip_on=False)
            if which == "typical":
                axes.plot(first.largest, ":", color=color, linewidth=0.9, label="its weight that moves most")
            over_updates(axes, len(first.losses) - 1)
        if which != "losses":
            top = 1.0 if which == "saturated" else 1.7 * axes.get_ylim()[1]
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
