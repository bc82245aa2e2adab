"""Trainings beside twins in which one weight starts larger by 1e-12; write benchmarks/chaos.md and its picture.

Two recipes, five seeds each, on the novel, at the settings of params.yaml: twenty trainings, four minutes of a core.
"""

from dataclasses import replace
from itertools import pairwise
from statistics import median, stdev
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from printed import BLUE, STYLE, VERMILION, png
from training import PARAMS, ROOT, TEXT, training

from charloom.base.types import Array
from charloom.kernel.advance import advance
from charloom.model.scoring import bits_per_character
from charloom.network.rnn import Parameters

MOVED = 1e-12
SEEDS = (1, 2, 3, 4, 5)
RECIPES = ((0.0, VERMILION), (10.0, BLUE))
UPDATES = (*(digit * 10**power for power in range(5) for digit in (1, 2, 5)), 100_000)
SHOWN = (1, 10, 20, 100, 1000, 10_000, 100_000)  # in the table

HEAD = """\
# One weight moved by 1e-12

Each training is followed beside its twin, in which the first weight of W is larger by 1e-12 at the start. All else is \
the same to the bit.

**As published, with AdaGrad's accumulator at 0, most twins are strangers after 20 updates, and all after 1,000.** The \
first update moves every weight by about eta, ten times the standard deviation that they start with; ten updates make \
{ten:.0e} of the difference, and soon it is as large as the weights. After {updates:,} updates the held-out bits per \
character of twins differ by {twin_0:.3f} (the median; {twin_0_least:.3f} to {twin_0_most:.3f}), those of two seeds by \
{seeds_0:.3f}.

**With the accumulator at 10 they stay together.** After {updates:,} updates the weights differ by at most \
{weights_10:.0e}, and the held-out bits are the same to {digits} digits after the point. Those of two seeds differ by \
{seeds_10:.4f}.

What follows for single runs:

- As published a run is one draw. Its seed names the draw and explains nothing: any change, one that cannot matter \
included, draws again. The difference of two single runs says something about their settings only where it is far more \
than {sd_0:.2f} bits, the standard deviation over seeds. Else it takes several seeds, and their mean.
- To pair such runs by seed takes no noise away: with equal seeds they soon have nothing in common.
- A processor, a library or an order of additions that changes a last bit draws again, too. Only where every bit is \
the same can such a run be made again at all.
- With the accumulator at 10 a run is what its setting and its seed make of it: what happens to a last digit stays \
there. The standard deviation over seeds is {sd_10:.4f} bits, so that a difference of {several:.2f} shows in single \
runs."""


class Point(NamedTuple):
    """A training at one of UPDATES: its weights, and loss and smooth loss of the sequence that comes next, in nats."""

    weights: Array
    loss: float
    smooth_loss: float


class Course(NamedTuple):
    """A training: its points by update, and what the held-out text costs its last model, in bits per character."""

    points: dict[int, Point]
    bits: float


Distance = tuple[float, float, float]  # in weights (Euclidean), loss and smooth loss


def course(initial_accumulator_value: float, seed: int, moved: float) -> Course:
    """Return the course of the training whose first weight starts larger by `moved`."""
    each = training(PARAMS.eta, seed, initial_accumulator_value)
    state = each.initial()
    flat = state.theta.flat.copy()
    flat[0] += moved
    state, points = replace(state, theta=Parameters(flat, state.theta.m, state.theta.K)), {}
    for first, end in pairwise((0, *UPDATES, UPDATES[-1] + 1)):  # the last block is the row of the last model alone
        rows = advance(state, TEXT.training, end - first, each.params.recipe)
        points[first] = Point(rows.state.theta.flat, float(rows.losses[0]), float(rows.smooth_losses[0]))
        state = rows.after
    return Course(points, bits_per_character(rows.state.theta, TEXT.held_out, rows.state.h))


def distance(one: Course, other: Course, update: int) -> Distance:
    """Return how far apart two trainings are."""
    a, b = one.points[update], other.points[update]
    weights = float(np.linalg.norm(a.weights - b.weights))
    return weights, abs(a.loss - b.loss), abs(a.smooth_loss - b.smooth_loss)


def cell(values: list[float]) -> str:
    """Return the median, and in parentheses the least and the most."""
    least, middle, most = (f"{x:.2g}" if x < 1 else f"{x:.1f}" for x in (min(values), median(values), max(values)))
    return f"{middle} ({least} to {most})"


def row(what: str, distances: list[Distance]) -> str:
    """Return a row of the table."""
    return f"| {what} | {' | '.join(cell(list(each)) for each in zip(*distances, strict=True))} |"


def table(initial_accumulator_value: float, pairs: list[tuple[Course, Course]]) -> list[str]:
    """Return the table of one recipe."""
    last = UPDATES[-1]
    neighbours = pairwise(one for one, _ in pairs)
    return [
        "",
        f"### `initial_accumulator_value: {initial_accumulator_value:g}`",
        "",
        "| updates | weights | loss | smooth loss |",
        "|---|---|---|---|",
        *(row(f"{update:,}", [distance(*pair, update) for pair in pairs]) for update in SHOWN),
        row(f"{last:,}, two seeds", [distance(*each, last) for each in neighbours]),
    ]


def draw(found: dict[float, list[tuple[Course, Course]]]) -> None:
    """Draw the distances along training: a line for each seed, and a dotted one for two seeds."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 3.2), dpi=200, layout="constrained")
        panels = figure.subplots(1, 2)
        for axes, (n, what) in zip(panels, ((0, "in the weights"), (2, "in smooth loss (nats)")), strict=True):
            for value, color in RECIPES:
                for pair in found[value]:
                    far = [distance(*pair, update)[n] or np.nan for update in UPDATES]  # no zero on such an axis
                    label = f"accumulator from {value:g}: twins" if pair is found[value][0] else None
                    axes.plot(UPDATES, far, color=color, linewidth=0.9, label=label)
                seeds = [each for each, _ in found[value]]
                apart = [median(distance(*two, update)[n] for two in pairwise(seeds)) for update in UPDATES]
                label = f"accumulator from {value:g}: two seeds"
                axes.plot(UPDATES, apart, color=color, linewidth=1.1, linestyle=":", label=label)
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xlim(UPDATES[0], UPDATES[-1])
            axes.set_xlabel("updates")
            axes.set_title(f"Distance {what}", loc="left", fontsize=9)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    (ROOT / "benchmarks/chaos.png").write_bytes(png(figure))


def main() -> None:
    """Train, measure, draw and write."""
    found = {value: [(course(value, seed, 0.0), course(value, seed, MOVED)) for seed in SEEDS] for value, _ in RECIPES}
    last = UPDATES[-1]
    twins = {value: [abs(one.bits - other.bits) for one, other in pairs] for value, pairs in found.items()}
    bits = {value: [one.bits for one, _ in pairs] for value, pairs in found.items()}
    seeds = {value: median(abs(a - b) for a, b in pairwise(each)) for value, each in bits.items()}
    spread = {value: stdev(each) for value, each in bits.items()}
    for value in found:
        print(value, twins[value], bits[value])
    head = HEAD.format(
        updates=last, twin_0=median(twins[0.0]), twin_0_least=min(twins[0.0]), twin_0_most=max(twins[0.0]),
        seeds_0=seeds[0.0], seeds_10=seeds[10.0], sd_0=spread[0.0], sd_10=spread[10.0], several=8 * spread[10.0],
        weights_10=max(distance(*pair, last)[0] for pair in found[10.0]),
        ten=median(distance(*pair, 10)[0] for pair in found[0.0]),
        digits=int(-np.log10(max(twins[10.0]))),
    )  # fmt: skip
    text = [
        head,
        "",
        "![Distances along training](chaos.png)",
        "",
        f"Written by `python benchmarks/chaos.py`, on *Moby Dick*: m = {PARAMS.m}, eta = {PARAMS.eta}, float64, seeds "
        f"{SEEDS[0]} to {SEEDS[-1]}. Distances are the median over the seeds, and in parentheses the least and the "
        "most: in the weights the Euclidean one, in loss and smooth loss in nats per sequence. *Two seeds* are each "
        "seed and the next. The numbers are the same on every processor.",
        *(line for value, pairs in found.items() for line in table(value, pairs)),
        "",
    ]
    (ROOT / "benchmarks/chaos.md").write_text("\n".join(text), encoding="utf-8")
    draw(found)


if __name__ == "__main__":
    main()
