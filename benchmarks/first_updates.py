"""Measure why the loss jumps in the first updates; write benchmarks/first_updates.md and first_updates.png.

The script trains six pairs of eta and sigma, the published pair with one change, and other network sizes, with five
seeds each, on the novel. It makes 120 trainings of 50 updates with the equations of network/, in a minute on one core.
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

from charloom.core.network.recipe import Recipe
from charloom.core.network.rnn import SATURATED, Gradients, Parameters, forward, loss_and_gradients

SEEDS = (1, 2, 3, 4, 5)
UPDATES = 50
SIZES = ((25, 0.1), (50, 0.1), (100, 0.1), (200, 0.1), (25, 0.4), (50, 0.2), (200, 0.05))  # m and eta
PICTURE_UPDATES = 20  # the length of the picture's axis
TABLE_UPDATES = (0, 1, 2, 3, 4, 5, 10, 20, 50)  # the rows of the table along training
K = len(TEXT.vocabulary)
HOLDING_RADIUS = 2.7  # |h| = tanh(λ |h|) has a solution above 0.99 for λ > 2.67
COLORS = {0.01: BLUE, 0.05: "#009E73", 0.1: VERMILION}  # by eta
LINES = {0.01: "-", 0.1: "--"}  # by sigma
PAIRS = [(eta, sigma) for eta in COLORS for sigma in LINES]
RANDOM_SIGNS = "random signs in all steps of W"
SMALL = (0.05, 0.1)  # a pair whose first step is half a standard deviation

HEAD = """\
# Why the loss jumps in the first updates

**The jump depends on eta · m, not on eta / sigma. AdaGrad's first steps move each weight by about eta, whatever its \
gradient. The steps of W agree in sign, so a hidden unit adds up m of them.**

With the published pair, eta 0.1 and sigma 0.01, the jump takes a few updates. The first step moves the weights by ten \
standard deviations of their initial values. After this step the loss is {one.loss:.0f}, about as at the start, and \
{one.saturated:.0%} of the units are saturated. The second step of W has a largest singular value of {one.step:.1f}. \
It could be at most eta · m = 10; with random signs it would be {one.random_step:.1f}. After two updates the spectral \
radius of W is {two.radius:.1f}. From a spectral radius of about 2.7 on (dotted line), units can hold each other \
saturated, because |h| = tanh(2.7 |h|) has a solution at 0.99. After five updates {five.saturated:.0%} of the units \
are saturated, and the loss is {five.loss:.0f}.

The experiments:

- **The number of standard deviations is not the cause.** With eta 0.1 the loss jumps if the first step is ten \
standard deviations, and also if it is one. With eta 0.01 the loss jumps neither at one standard deviation nor at ten \
(sigma 0.001). With eta 0.05 it jumps at half a standard deviation.
- **W is the cause.** If W never moves, no unit saturates, and the loss stays at {frozen_W:.0f}. If U never moves, the \
results are as before. If V never moves, the units saturate, but the loss stays at {frozen_V:.0f}: the steps of V turn \
saturated states into wrong predictions.
- **The signs of the steps matter.** If the steps of W keep their lengths but get random signs, the highest loss is \
{random.loss:.0f} and {random.saturated:.0%} of the units saturate, instead of {published.loss:.0f} and \
{published.saturated:.0%}. Random signs in the first step alone change little.
- **The number of units matters.** With eta 0.1 the highest loss rises from {least_m:.0f} at m = 25 to {most_m:.0f} at \
m = 200. With eta · m = 10 it is between {least_10:.0f} and {most_10:.0f} at all four sizes.
- If AdaGrad's accumulator starts at 10, the first steps are short for weights with small gradients, and the loss does \
not jump.

The results are for one text, one optimiser and {updates} updates. At eta 0.05 and sigma 0.1 the steps of W do not \
explain everything: without them no unit saturates, but the loss of one seed still rises to {small_frozen:.0f}."""

Change = Callable[[Gradients, int, np.random.Generator], None]  # edits a step in place; the int is the update


class Point(NamedTuple):
    """A network after a number of updates, measured on the next sequence, and its next step.

    loss         nats per sequence
    saturated    share of saturated units
    sums         root mean square of a = W h + U x + b
    radius       spectral radius of W
    norm         largest singular value of W
    step         largest singular value of the next step of W
    random_step  largest singular value of this step with random signs
    """

    loss: float
    saturated: float
    sums: float
    radius: float
    norm: float
    step: float
    random_step: float


Courses = list[list[Point]]  # for each seed, a point for each update


def recipe_of(eta: float, sigma: float, m: int = PARAMS.m, start: float = 0.0) -> Recipe:
    """Return the recipe of params.yaml with this eta, sigma, m and initial value of AdaGrad's accumulator."""
    return replace(training(eta, 0, start).params.recipe, sigma=sigma, m=m)


def course(recipe: Recipe, seed: int, change: Change | None) -> list[Point]:
    """Train UPDATES updates; return a point before each update and one after the last."""
    T, rng, (theta, accumulators), points = recipe.seq_length, np.random.default_rng(seed), recipe.initial(K, seed), []
    h = np.zeros(recipe.m)
    for update in range(UPDATES + 1):
        read = TEXT.training[update * T : (update + 1) * T + 1].astype(np.intp)
        states, _ = forward(theta, read[:-1], h)
        sums = states[:-1] @ theta.W.T + theta.U.T[read[:-1]] + theta.b
        radius, norm = np.abs(np.linalg.eigvals(theta.W)).max(), np.linalg.norm(theta.W, 2)
        loss, gradients, h = loss_and_gradients(theta, read[:-1], read[1:], h)
        before = theta.flat.copy()
        recipe.step(theta, accumulators, gradients, update)
        step = Parameters(theta.flat - before, recipe.m, K)
        if change:
            change(step, update, rng)
            theta.flat[:] = before + step.flat
        signs = rng.choice([-1.0, 1.0], step.W.shape)
        saturated, size = np.mean(np.abs(states[1:]) > SATURATED), np.sqrt(np.mean(sums**2))
        random_step = np.linalg.norm(signs * step.W, 2)
        points.append(Point(*map(float, (loss, saturated, size, radius, norm, np.linalg.norm(step.W, 2), random_step))))
    return points


def courses(recipe: Recipe, change: Change | None = None) -> Courses:
    """Train with each of SEEDS; return the points of each training."""
    return [course(recipe, seed, change) for seed in SEEDS]


def freeze(name: str) -> Change:
    """Return a change that sets the step of the named matrix to zero."""

    def change(step: Gradients, _update: int, _rng: np.random.Generator) -> None:
        getattr(step, name)[:] = 0

    return change


def randomize_signs(updates: int) -> Change:
    """Return a change that gives each entry of W's step a random sign, in the first `updates` updates."""

    def change(step: Gradients, update: int, rng: np.random.Generator) -> None:
        if update < updates:
            step.W[:] *= rng.choice([-1.0, 1.0], step.W.shape)

    return change


def cell(values: list[float], form: str) -> str:
    """Return the median, with the minimum and the maximum in parentheses."""
    return f"{median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def after(trainings: Courses, update: int) -> Point:
    """Return the medians over the seeds after this number of updates."""
    return Point(*(median(values) for values in zip(*(points[update] for points in trainings), strict=True)))


def peaks(trainings: Courses) -> list[Point]:
    """Return, for each seed, the highest value of each measure."""
    return [Point(*map(max, zip(*points, strict=True))) for points in trainings]


def row(name: str, trainings: Courses) -> str:
    """Return a table row of highest values: loss and saturation in all updates, a and radius in the first ten."""
    whole, ten = peaks(trainings), peaks([points[:11] for points in trainings])
    cells = (
        cell([point.loss for point in whole], ".0f"),
        cell([point.saturated for point in whole], ".0%"),
        cell([point.sums for point in ten], ".1f"),
        cell([point.radius for point in ten], ".1f"),
    )
    return f"| {name} | {' | '.join(cells)} |"


def table(first: str, rows: list[tuple[str, Courses]]) -> list[str]:
    """Return a table with a row for each name and its trainings; `first` is the head of the first column."""
    heads = ("loss", "saturated", "a", "spectral radius")
    return [
        f"| {first} | {' | '.join(heads)} |",
        "|---" * (first.count("|") + 5) + "|",
        *(row(*named) for named in rows),
    ]


def along(trainings: Courses) -> list[str]:
    """Return a table of the medians, by number of updates."""
    heads = "updates | loss | saturated | a | spectral radius | singular value: W | next step of W | with random signs"
    lines = [f"| {heads} |", "|---" * 8 + "|"]
    for update in TABLE_UPDATES:
        loss, saturated, *rest = after(trainings, update)
        cells = (f"{update}", f"{loss:.0f}", f"{saturated:.0%}", *(f"{number:.2g}" for number in rest))
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def draw(pairs: dict[tuple[float, float], Courses]) -> None:
    """Write first_updates.png: the medians along the updates, with a line for each pair of eta and sigma."""
    panels = {"loss": "Loss (nats)", "radius": "Spectral radius of W", "saturated": "Share of saturated units"}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 2.9), dpi=200, layout="constrained")
        for axes, (name, title) in zip(figure.subplots(1, 3), panels.items(), strict=True):
            for (eta, sigma), trainings in pairs.items():
                values = [getattr(after(trainings, update), name) for update in range(PICTURE_UPDATES + 1)]
                label = f"eta {eta:g}, sigma {sigma:g}"
                axes.plot(values, LINES[sigma], color=COLORS[eta], linewidth=1.1, label=label)
            if name == "radius":
                axes.axhline(HOLDING_RADIUS, color="#595959", linewidth=0.6, linestyle=":")
            if name == "saturated":
                axes.set_ylim(-0.02, 1)
                axes.yaxis.set_major_formatter("{x:.0%}")
            axes.set_xlim(0, PICTURE_UPDATES)
            axes.set_xlabel("updates")
            axes.set_title(title, loc="left", fontsize=9)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=3)
    (ROOT / "benchmarks/first_updates.png").write_bytes(png(figure))


def main() -> None:
    """Train, measure, write the page and draw the picture."""
    pairs = {pair: courses(recipe_of(*pair)) for pair in PAIRS}
    eta, sigma = PARAMS.eta, float(PARAMS.sigma)
    recipe, small = recipe_of(eta, sigma), recipe_of(*SMALL)
    published = pairs[eta, sigma]
    changed: list[tuple[str, Courses]] = [
        ("none", published),
        *((f"{name} never moves", courses(recipe, freeze(name))) for name in "WUV"),
        ("random signs in W's first step", courses(recipe, randomize_signs(1))),
        (RANDOM_SIGNS, courses(recipe, randomize_signs(UPDATES))),
        ("AdaGrad's accumulator starts at 10", courses(recipe_of(eta, sigma, start=10.0))),
        ("eta 0.01, sigma 0.001: the first step is ten standard deviations, too", courses(recipe_of(0.01, 0.001))),
    ]
    second: list[tuple[str, Courses]] = [
        ("none", pairs[SMALL]),
        *((f"{name} never moves", courses(small, freeze(name))) for name in "WUV"),
        (RANDOM_SIGNS, courses(small, randomize_signs(UPDATES))),
    ]
    others = [(f"{m} | {rate:g} | {rate * m:g}", courses(recipe_of(rate, sigma, m))) for m, rate in SIZES]
    typical = {
        name: Point(*map(median, zip(*peaks(trainings), strict=True))) for name, trainings in (*changed, *others)
    }
    losses = {size: typical[name].loss for size, (name, _) in zip(SIZES, others, strict=True)}
    ten = [loss for (m, rate), loss in losses.items() if math.isclose(m * rate, 10)]
    head = HEAD.format(
        one=after(published, 1), two=after(published, 2), five=after(published, 5), updates=UPDATES,
        published=typical["none"], random=typical[RANDOM_SIGNS],
        frozen_W=typical["W never moves"].loss, frozen_V=typical["V never moves"].loss,
        least_m=losses[25, 0.1], most_m=losses[200, 0.1], least_10=min(ten), most_10=max(ten),
        small_frozen=max(point.loss for point in peaks(dict(second)["W never moves"])),
    )  # fmt: skip
    text = [
        head,
        "",
        "![Loss, spectral radius of W and saturated units in the first updates](first_updates.png)",
        "",
        f"Written by `python benchmarks/first_updates.py`, on *Moby Dick*: m = {PARAMS.m}, float64, seeds {SEEDS[0]} "
        f"to {SEEDS[-1]}, with the equations of `src/charloom/core/network/`. The picture shows medians over the "
        "seeds. A cell has the median over the seeds, with the minimum and the maximum in parentheses. *Loss* (nats "
        f"per sequence) and *saturated* (the share of units with |h| > {SATURATED:g}) are the highest values in "
        f"{UPDATES} updates. *a* (the root mean square of a = W h + U x + b) and *spectral radius* (of W) are the "
        "highest values in the first ten updates. The last digits may differ between processors.",
        "",
        "### Six pairs of eta and sigma",
        "",
        *table("eta | sigma | eta / sigma", [(f"{e:g} | {s:g} | {e / s:g}", pairs[e, s]) for e, s in pairs]),
        "",
        "### The published pair, by number of updates",
        "",
        *along(published),
        "",
        "This table has medians after each number of updates. The last three columns are largest singular values: of "
        "W, of the next step of W, and of this step with the same lengths and random signs.",
        "",
        "### The published pair, with one change",
        "",
        *table("change", changed),
        "",
        "### Eta 0.05 and sigma 0.1, with one change",
        "",
        *table("change", second),
        "",
        "### Other network sizes, sigma 0.01",
        "",
        *table("m | eta | eta · m", others),
        "",
    ]
    (ROOT / "benchmarks/first_updates.md").write_text("\n".join(text), encoding="utf-8")
    draw(pairs)


if __name__ == "__main__":
    main()
