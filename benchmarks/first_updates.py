"""What makes the loss jump in the first updates; write benchmarks/first_updates.md and its picture.

Six pairs of eta and sigma, then the published one with one thing changed, and other sizes of network, five seeds each,
on the novel: 120 times 50 updates by the equations of network/, a minute of a core.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from printed import BLUE, STYLE, VERMILION, png
from training import PARAMS, ROOT, TEXT, training

from charloom.network.recipe import Recipe
from charloom.network.rnn import SATURATED, Gradients, Parameters, forward, loss_and_gradients

SEEDS = (1, 2, 3, 4, 5)
UPDATES = 50
SIZES = ((25, 0.1), (50, 0.1), (100, 0.1), (200, 0.1), (25, 0.4), (50, 0.2), (200, 0.05))  # m and eta
DRAWN = 20  # updates in the picture
SHOWN = (0, 1, 2, 3, 4, 5, 10, 20, 50)  # in the table
K = len(TEXT.vocabulary)
SELF_HELD = 2.7  # |h| = tanh(λ |h|) has a solution above 0.99 for λ > 2.67
COLORS = {0.01: BLUE, 0.05: "#009E73", 0.1: VERMILION}  # of eta
LINES = {0.01: "-", 0.1: "--"}  # of sigma
PAIRS = [(eta, sigma) for eta in COLORS for sigma in LINES]
ALL_DRAWN = "the signs of all steps of W are drawn"
SMALL = (0.05, 0.1)  # a pair whose first step is half a standard deviation

HEAD = """\
# What makes the loss jump in the first updates

**The jump goes with eta · m, not with eta / sigma: AdaGrad's first steps move each weight by about eta, whatever its \
gradient, the steps of W agree in sign, and a hidden unit adds up m of them.**

With the published pair, eta 0.1 and sigma 0.01, it takes a few updates. The first step moves the weights by ten \
standard deviations; after it the loss is {one.loss:.0f}, as before, and {one.saturated:.0%} of the units are \
saturated. The second step of W has a largest singular value of {one.step:.1f}, and could have one of eta · m = 10; \
were its signs drawn it would be {one.apart:.1f}. After two updates the spectral radius of W is {two.radius:.1f}. From \
about 2.7 on (dotted) units can hold each other saturated, because |h| = tanh(2.7 |h|) at 0.99. After five updates \
{five.saturated:.0%} of them are, and the loss is {five.loss:.0f}.

What was tried:

- **It is not the number of standard deviations.** Eta 0.1 jumps where its first step is ten of them, and where it is \
one. Eta 0.01 does not jump at one, nor at ten (sigma 0.001). Eta 0.05 jumps at half of one.
- **It is W.** Where W never moves no unit saturates, and the loss stays at {still_W:.0f}. Where U never moves all is \
as before. Where V never moves the units saturate, and the loss stays at {still_V:.0f}: V's steps turn such states \
into wrong guesses.
- **It is that the signs agree.** Steps of W of the same lengths with signs that are drawn come to a loss of \
{drawn.loss:.0f} and {drawn.saturated:.0%} saturated units, in place of {nothing.loss:.0f} and \
{nothing.saturated:.0%}. To draw those of the first step alone changes little.
- **It is the number of units.** With eta 0.1 the highest loss grows from {least_m:.0f} at m = 25 to {most_m:.0f} at \
m = 200. With eta · m = 10 it is between {least_10:.0f} and {most_10:.0f} at all four sizes.
- Where AdaGrad's accumulator starts at 10, first steps are short where gradients are small, and nothing jumps.

What this does not say: one text, one optimiser, {updates} updates. At eta 0.05 and sigma 0.1 the steps of W are not \
all of it: without them no unit saturates, but the loss of one seed rises to {small_still:.0f} all the same."""

Change = Callable[[Gradients, int, np.random.Generator], None]  # of a step, before the weights take it, at an update


class Point(NamedTuple):
    """A network after some updates, on the sequence that comes next, and its next step.

    loss       nats
    saturated  the share of its units
    sums       a = W h + U x + b, the root mean square
    radius     the spectral radius of W
    norm       the largest singular value of W
    step       the largest singular value of the next step of W
    apart      the same of that step with signs that are drawn
    """

    loss: float
    saturated: float
    sums: float
    radius: float
    norm: float
    step: float
    apart: float


Courses = list[list[Point]]  # a training for each seed, of a point for each update


def recipe_of(eta: float, sigma: float, m: int = PARAMS.m, start: float = 0.0) -> Recipe:
    """Return the recipe of params.yaml, but for these."""
    return replace(training(eta, 0, start).params.recipe, sigma=sigma, m=m)


def course(recipe: Recipe, seed: int, change: Change | None) -> list[Point]:
    """Return the training's points."""
    T, rng, (theta, kept), points = recipe.seq_length, np.random.default_rng(seed), recipe.initial(K, seed), []
    h = np.zeros(recipe.m)
    for update in range(UPDATES + 1):
        read = TEXT.training[update * T : (update + 1) * T + 1].astype(np.intp)
        states, _ = forward(theta, read[:-1], h)
        sums = states[:-1] @ theta.W.T + theta.U.T[read[:-1]] + theta.b
        radius, norm = np.abs(np.linalg.eigvals(theta.W)).max(), np.linalg.norm(theta.W, 2)
        loss, gradients, h = loss_and_gradients(theta, read[:-1], read[1:], h)
        before = theta.flat.copy()
        recipe.step(theta, kept, gradients, update)
        step = Parameters(theta.flat - before, recipe.m, K)
        if change:
            change(step, update, rng)
            theta.flat[:] = before + step.flat
        signs = rng.choice([-1.0, 1.0], step.W.shape)
        saturated, size = np.mean(np.abs(states[1:]) > SATURATED), np.sqrt(np.mean(sums**2))
        apart = np.linalg.norm(signs * step.W, 2)
        points.append(Point(*map(float, (loss, saturated, size, radius, norm, np.linalg.norm(step.W, 2), apart))))
    return points


def courses(recipe: Recipe, change: Change | None = None) -> Courses:
    """Return the trainings of all seeds."""
    return [course(recipe, seed, change) for seed in SEEDS]


def still(name: str) -> Change:
    """Return the change that lets a matrix never move."""

    def change(step: Gradients, _update: int, _rng: np.random.Generator) -> None:
        getattr(step, name)[:] = 0

    return change


def with_drawn_signs(updates: int) -> Change:
    """Return the change that draws the sign of each entry of W's step, in the first so many updates."""

    def change(step: Gradients, update: int, rng: np.random.Generator) -> None:
        if update < updates:
            step.W[:] *= rng.choice([-1.0, 1.0], step.W.shape)

    return change


def cell(values: list[float], form: str) -> str:
    """Return the median, and in parentheses the least and the most."""
    return f"{median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def after(found: Courses, update: int) -> Point:
    """Return the median over the seeds."""
    return Point(*(median(values) for values in zip(*(points[update] for points in found), strict=True)))


def peaks(found: Courses) -> list[Point]:
    """Return the highest of each number, for each seed."""
    return [Point(*map(max, zip(*points, strict=True))) for points in found]


def row(what: str, found: Courses) -> str:
    """Return a row: the highest of each number, in 50 updates or in the first ten."""
    whole, ten = peaks(found), peaks([points[:11] for points in found])
    cells = (
        cell([each.loss for each in whole], ".0f"),
        cell([each.saturated for each in whole], ".0%"),
        cell([each.sums for each in ten], ".1f"),
        cell([each.radius for each in ten], ".1f"),
    )
    return f"| {what} | {' | '.join(cells)} |"


def table(first: str, rows: list[tuple[str, Courses]]) -> list[str]:
    """Return a table of such rows."""
    heads = ("loss", "saturated", "a", "spectral radius")
    return [f"| {first} | {' | '.join(heads)} |", "|---" * (first.count("|") + 5) + "|", *(row(*each) for each in rows)]


def along(found: Courses) -> list[str]:
    """Return a table of the medians, by update."""
    heads = "updates | loss | saturated | a | spectral radius | largest singular value | of the next step | signs drawn"
    lines = [f"| {heads} |", "|---" * 8 + "|"]
    for update in SHOWN:
        loss, saturated, *rest = after(found, update)
        cells = (f"{update}", f"{loss:.0f}", f"{saturated:.0%}", *(f"{number:.2g}" for number in rest))
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def draw(found: dict[tuple[float, float], Courses]) -> None:
    """Draw the medians along the updates: a line for each pair."""
    panels = {"loss": "Loss (nats)", "radius": "Spectral radius of W", "saturated": "Share of saturated units"}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 2.9), dpi=200, layout="constrained")
        for axes, (name, title) in zip(figure.subplots(1, 3), panels.items(), strict=True):
            for (eta, sigma), each in found.items():
                values = [getattr(after(each, update), name) for update in range(DRAWN + 1)]
                label = f"eta {eta:g}, sigma {sigma:g}"
                axes.plot(values, LINES[sigma], color=COLORS[eta], linewidth=1.1, label=label)
            if name == "radius":
                axes.axhline(SELF_HELD, color="#595959", linewidth=0.6, linestyle=":")
            if name == "saturated":
                axes.set_ylim(-0.02, 1)
                axes.yaxis.set_major_formatter("{x:.0%}")
            axes.set_xlim(0, DRAWN)
            axes.set_xlabel("updates")
            axes.set_title(title, loc="left", fontsize=9)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=3)
    (ROOT / "benchmarks/first_updates.png").write_bytes(png(figure))


def main() -> None:
    """Train, measure, draw and write."""
    pairs = {pair: courses(recipe_of(*pair)) for pair in PAIRS}
    eta, sigma = PARAMS.eta, float(PARAMS.sigma)
    recipe, small = recipe_of(eta, sigma), recipe_of(*SMALL)
    published = pairs[eta, sigma]
    changed: list[tuple[str, Courses]] = [
        ("nothing", published),
        *((f"{name} never moves", courses(recipe, still(name))) for name in "WUV"),
        ("the signs of W's first step are drawn", courses(recipe, with_drawn_signs(1))),
        (ALL_DRAWN, courses(recipe, with_drawn_signs(UPDATES))),
        ("AdaGrad's accumulator starts at 10", courses(recipe_of(eta, sigma, start=10.0))),
        ("eta 0.01, sigma 0.001: as many standard deviations", courses(recipe_of(0.01, 0.001))),
    ]
    second: list[tuple[str, Courses]] = [
        ("nothing", pairs[SMALL]),
        *((f"{name} never moves", courses(small, still(name))) for name in "WUV"),
        (ALL_DRAWN, courses(small, with_drawn_signs(UPDATES))),
    ]
    others = [(f"{m} | {each:g} | {each * m:g}", courses(recipe_of(each, sigma, m))) for m, each in SIZES]
    typical = {what: Point(*map(median, zip(*peaks(found), strict=True))) for what, found in (*changed, *others)}
    losses = {size: typical[what].loss for size, (what, _) in zip(SIZES, others, strict=True)}
    ten = [loss for (m, each), loss in losses.items() if math.isclose(m * each, 10)]
    head = HEAD.format(
        one=after(published, 1), two=after(published, 2), five=after(published, 5), updates=UPDATES,
        nothing=typical["nothing"], drawn=typical[ALL_DRAWN],
        still_W=typical["W never moves"].loss, still_V=typical["V never moves"].loss,
        least_m=losses[25, 0.1], most_m=losses[200, 0.1], least_10=min(ten), most_10=max(ten),
        small_still=max(each.loss for each in peaks(dict(second)["W never moves"])),
    )  # fmt: skip
    text = [
        head,
        "",
        "![Loss, spectral radius of W and saturated units in the first updates](first_updates.png)",
        "",
        f"Written by `python benchmarks/first_updates.py`, on *Moby Dick*: m = {PARAMS.m}, float64, seeds {SEEDS[0]} "
        f"to {SEEDS[-1]}, the equations of `src/charloom/network/`. The picture has medians. A cell has the median "
        "over the seeds, and in parentheses the least and the most: of the highest loss (nats per sequence) and the "
        f"highest share of saturated units (|h| > {SATURATED:g}) in {UPDATES} updates, and of the highest root mean "
        "square of a = W h + U x + b and the highest spectral radius of W in the first ten. The last digits may differ "
        "between processors.",
        "",
        "### Six pairs of eta and sigma",
        "",
        *table("eta | sigma | eta / sigma", [(f"{e:g} | {s:g} | {e / s:g}", found) for (e, s), found in pairs.items()]),
        "",
        "### The published pair, after each update",
        "",
        *along(published),
        "",
        "The last two columns are about the step of W that comes next: its largest singular value, and that of a step "
        "of the same lengths whose signs are drawn.",
        "",
        "### The published pair, with one thing changed",
        "",
        *table("changed", changed),
        "",
        "### The same at eta 0.05 and sigma 0.1",
        "",
        *table("changed", second),
        "",
        "### Other sizes of network, sigma 0.01",
        "",
        *table("m | eta | eta · m", others),
        "",
    ]
    (ROOT / "benchmarks/first_updates.md").write_text("\n".join(text), encoding="utf-8")
    draw(pairs)


if __name__ == "__main__":
    main()
