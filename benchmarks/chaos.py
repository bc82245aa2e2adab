"""Compare trainings with twins whose first weight starts larger by 1e-12; write benchmarks/chaos.md and chaos.png.

The script trains two recipes with five seeds each, and their twins, on the novel, with the params of params.yaml:
twenty trainings, four minutes on one core.
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

from charloom.core.base.types import Array
from charloom.core.kernel.advance import advance
from charloom.core.model.scoring import bits_per_character
from charloom.core.network.recipe import KERNEL
from charloom.core.network.rnn import Parameters

MOVED = 1e-12
SEEDS = (1, 2, 3, 4, 5)
RECIPES = ((0.0, VERMILION), (10.0, BLUE))  # initial value of the accumulator, color of its lines
UPDATES = (*(digit * 10**power for power in range(5) for digit in (1, 2, 5)), 100_000)
TABLE_UPDATES = (1, 10, 20, 100, 1000, 10_000, 100_000)

HEAD = """\
# One weight changed by 1e-12

Each training is compared with its twin, a training whose first weight of W starts larger by 1e-12. Everything else is \
the same to the bit.

**With the published recipe (AdaGrad's accumulator starts at 0), most twins are far apart after 20 updates, and all \
after 1,000.** The first update moves every weight by about eta, ten times the standard deviation of the initial \
weights. After ten updates the distance between twins is {ten:.0e}, and soon it is as large as the weights. After \
{updates:,} updates, twins differ by {twin_0:.3f} held-out bits per character (median; {twin_0_least:.3f} to \
{twin_0_most:.3f}), and trainings with two seeds differ by {seeds_0:.3f}.

**If the accumulator starts at 10, twins stay together.** After {updates:,} updates their weights differ by at most \
{weights_10:.0e}, and their held-out bits are equal to {digits} decimal places. Trainings with two seeds differ by \
{seeds_10:.4f} bits.

Consequences for single runs:

- With the published recipe, a run is one random draw. Its seed identifies the draw, but explains nothing: any change, \
even one that cannot matter, gives another draw. The difference between two single runs says something about their \
settings only if it is much larger than {sd_0:.2f} bits, the standard deviation over the five seeds measured here. A \
smaller difference needs means over several seeds.
- Pairing such runs by seed does not reduce the noise: runs with equal seeds soon have nothing in common.
- A processor, a library or an order of additions that changes a last bit also gives another draw. Such a run can be \
reproduced only if every bit of its arithmetic is the same.
- If the accumulator starts at 10, the setting and the seed determine a run: a change in the last digit stays in the \
last digits. The standard deviation over these seeds is {sd_10:.4f} bits, so single runs can show a difference of \
{several:.2f} bits."""


class Point(NamedTuple):
    """A training at one of UPDATES: its weights, and the loss and smooth loss of the next sequence, in nats."""

    weights: Array
    loss: float
    smooth_loss: float


class Course(NamedTuple):
    """A training: its points by update, and the held-out bits per character of its last model."""

    points: dict[int, Point]
    bits: float


Distance = tuple[float, float, float]  # in weights (Euclidean), loss and smooth loss


def course(initial_accumulator_value: float, seed: int, moved: float) -> Course:
    """Train with the first weight of W increased by `moved` at the start; return the course."""
    run = training(PARAMS.eta, seed, initial_accumulator_value)
    state = run.initial()
    flat = state.theta.flat.copy()
    flat[0] += moved
    state, points = replace(state, theta=Parameters(flat, state.theta.m, state.theta.K)), {}
    for first, end in pairwise((0, *UPDATES, UPDATES[-1] + 1)):  # the last block is one row, of the last model
        rows = advance(state, TEXT.training, end - first, run.params.recipe)
        points[first] = Point(rows.state.theta.flat, float(rows.losses[0]), float(rows.smooth_losses[0]))
        state = rows.after
    return Course(points, bits_per_character(rows.state.theta, TEXT.held_out, rows.state.h, KERNEL))


def distance(one: Course, other: Course, update: int) -> Distance:
    """Return the distances between two trainings after an update."""
    a, b = one.points[update], other.points[update]
    weights = float(np.linalg.norm(a.weights - b.weights))
    return weights, abs(a.loss - b.loss), abs(a.smooth_loss - b.smooth_loss)


def cell(values: list[float]) -> str:
    """Return the median, with the minimum and the maximum in parentheses."""
    least, middle, most = (f"{x:.2g}" if x < 1 else f"{x:.1f}" for x in (min(values), median(values), max(values)))
    return f"{middle} ({least} to {most})"


def row(name: str, distances: list[Distance]) -> str:
    """Return a table row with the distances of all pairs."""
    return f"| {name} | {' | '.join(cell(list(column)) for column in zip(*distances, strict=True))} |"


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
        *(row(f"{update:,}", [distance(*pair, update) for pair in pairs]) for update in TABLE_UPDATES),
        row(f"{last:,}, two seeds", [distance(*two, last) for two in neighbours]),
    ]


def draw(pairs: dict[float, list[tuple[Course, Course]]]) -> None:
    """Write chaos.png: distances along training, with a line for each pair of twins and a dotted line for two seeds."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 3.2), dpi=200, layout="constrained")
        panels = figure.subplots(1, 2)
        for axes, (n, name) in zip(panels, ((0, "in the weights"), (2, "in smooth loss (nats)")), strict=True):
            for value, color in RECIPES:
                for pair in pairs[value]:
                    distances = [distance(*pair, update)[n] or np.nan for update in UPDATES]  # a log axis has no zero
                    label = f"accumulator from {value:g}: twins" if pair is pairs[value][0] else None
                    axes.plot(UPDATES, distances, color=color, linewidth=0.9, label=label)
                originals = [one for one, _ in pairs[value]]
                medians = [median(distance(*two, update)[n] for two in pairwise(originals)) for update in UPDATES]
                label = f"accumulator from {value:g}: two seeds"
                axes.plot(UPDATES, medians, color=color, linewidth=1.1, linestyle=":", label=label)
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xlim(UPDATES[0], UPDATES[-1])
            axes.set_xlabel("updates")
            axes.set_title(f"Distance {name}", loc="left", fontsize=9)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    (ROOT / "benchmarks/chaos.png").write_bytes(png(figure))


def main() -> None:
    """Train, measure, write the page and draw the picture."""
    pairs = {value: [(course(value, seed, 0.0), course(value, seed, MOVED)) for seed in SEEDS] for value, _ in RECIPES}
    last = UPDATES[-1]
    twins = {value: [abs(one.bits - other.bits) for one, other in two] for value, two in pairs.items()}
    bits = {value: [one.bits for one, _ in two] for value, two in pairs.items()}
    seeds = {value: median(abs(a - b) for a, b in pairwise(values)) for value, values in bits.items()}
    spread = {value: stdev(values) for value, values in bits.items()}
    for value in pairs:
        print(value, twins[value], bits[value])
    head = HEAD.format(
        updates=last, twin_0=median(twins[0.0]), twin_0_least=min(twins[0.0]), twin_0_most=max(twins[0.0]),
        seeds_0=seeds[0.0], seeds_10=seeds[10.0], sd_0=spread[0.0], sd_10=spread[10.0], several=8 * spread[10.0],
        weights_10=max(distance(*pair, last)[0] for pair in pairs[10.0]),
        ten=median(distance(*pair, 10)[0] for pair in pairs[0.0]),
        digits=int(-np.log10(max(twins[10.0]))),
    )  # fmt: skip
    text = [
        head,
        "",
        "![Distances along training](chaos.png)",
        "",
        f"Written by `python benchmarks/chaos.py`, on *Moby Dick*: m = {PARAMS.m}, eta = {PARAMS.eta}, float64, seeds "
        f"{SEEDS[0]} to {SEEDS[-1]}. Distances are medians over the seeds, with the minimum and the maximum in "
        "parentheses. The distance in the weights is Euclidean. Distances in loss and smooth loss are in nats per "
        "sequence. *Two seeds*: each seed is compared with the next. The numbers are the same on every processor.",
        *(line for value, twin_pairs in pairs.items() for line in table(value, twin_pairs)),
        "",
    ]
    (ROOT / "benchmarks/chaos.md").write_text("\n".join(text), encoding="utf-8")
    draw(pairs)


if __name__ == "__main__":
    main()
