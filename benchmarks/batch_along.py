"""Held-out bits against characters read and against seconds, for each batch; draw benchmarks/batch_along.png.

python benchmarks/batch_along.py    ten minutes on one thread; prints seconds of CPU time

The settings of studies/batch.yaml, three seeds each, trained on to 10,000,000 characters, four times as many.
"""

import math
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure
from printed import BLUE, STYLE, VERMILION, png
from training import ROOT, TEXT

from charloom.settings.params import Params
from charloom.study.asking import read_study
from charloom.training.loop import train
from charloom.training.protocol import Training

SEEDS = (1, 2, 3)
MEASURED = (0, 50, 100, 200, 400, 600, 1000, 1500, 2000, 2500, 3500, 5000, 7000, 10000)  # thousands of characters
EQUAL = 2500  # which of them the study reads
COLORS = {1: BLUE, 8: "#009E73", 32: VERMILION}  # of a batch


class Point(NamedTuple):
    """Characters read, the seconds of CPU time that it took, and what a held-out character costs then, in bits."""

    characters: int
    seconds: float
    bits: float


def course(params: Params) -> list[Point]:
    """Return the points of a training; its seconds are those of its updates alone, on one thread."""
    training, each = Training(params, TEXT, Path(), {}), params.characters
    list(train(training.initial(), TEXT.training, 1, training.every, params.recipe, 1))  # compiles
    state, seconds, points = training.initial(), 0.0, list[Point]()
    for thousands in MEASURED:
        began = time.process_time()
        for rows in train(state, TEXT.training, thousands * 1000 // each, training.every, params.recipe, 1):
            state = rows.state
        seconds += time.process_time() - began
        bits = training.held_out(state.theta, state.carried) or math.nan
        points.append(Point(state.update * each, seconds, bits))
    return points


def draw(found: dict[int, list[list[Point]]]) -> None:
    """Draw a line for each training, by batch."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 3), dpi=200, layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        for batch, courses in found.items():
            for seed, points in zip(SEEDS, courses, strict=True):
                bits, look = [each.bits for each in points[1:]], {"color": COLORS[batch], "linewidth": 1.0}
                label = f"batch {batch}" if seed == SEEDS[0] else None
                left.plot([each.characters / 1e6 for each in points[1:]], bits, label=label, **look)
                right.plot([each.seconds for each in points[1:]], bits, **look)
        left.axvline(EQUAL / 1000, color="#595959", linewidth=0.6, linestyle=":")
        left.set(ylabel="Held-out text (bits per character)", xlabel="Characters read (millions)")
        right.set(xlabel="Seconds of one core")
        left.legend()
        for axes in (left, right):
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter("")
    (ROOT / "benchmarks/batch_along.png").write_bytes(png(figure))


def main() -> None:
    """Train, print and draw."""
    found: dict[int, list[list[Point]]] = {}
    for params in read_study(ROOT / "studies/batch.yaml").settings.values():
        found[params.batch] = [course(params.model_copy(update={"seed": seed})) for seed in SEEDS]
        for n, thousands in enumerate(MEASURED):
            each = [points[n] for points in found[params.batch]]
            seconds, bits = median(point.seconds for point in each), median(point.bits for point in each)
            print(
                f"batch {params.batch}: {thousands * 1000:,} characters, {seconds:.1f} s, {bits:.3f} bits", flush=True
            )
    draw(found)


if __name__ == "__main__":
    main()
