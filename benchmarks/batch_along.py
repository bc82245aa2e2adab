"""Measure the held-out bits of batches of 1, 8 and 32 along training; draw benchmarks/batch_along.png.

`python benchmarks/batch_along.py` takes ten minutes on one thread, and prints CPU seconds.

The picture shows held-out bits against characters read and against CPU seconds. The script trains the settings of
studies/batch.yaml with three seeds each, for 10,000,000 characters, four times as many as in the study.
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

from charloom.core.config.params import Params
from charloom.core.training.loop import train
from charloom.core.training.protocol import Training
from charloom.study.freeze import read_study

SEEDS = (1, 2, 3)
MEASURED = (0, 50, 100, 200, 400, 600, 1000, 1500, 2000, 2500, 3500, 5000, 7000, 10000)  # thousands of characters
STUDY = 2500  # thousands of characters that the study reads
COLORS = {1: BLUE, 8: "#009E73", 32: VERMILION}  # by batch


class Point(NamedTuple):
    """Characters read, CPU seconds so far, and held-out bits per character."""

    characters: int
    seconds: float
    bits: float


def course(params: Params) -> list[Point]:
    """Train on one thread and return the points; the seconds contain only the updates."""
    training = Training(params, TEXT, Path(), {})
    list(train(training.initial(), TEXT.training, 1, training.every, params.recipe, 1))  # compiles the kernel
    state, seconds, points = training.initial(), 0.0, list[Point]()
    for thousands in MEASURED:
        began = time.process_time()
        for rows in train(
            state, TEXT.training, thousands * 1000 // params.characters, training.every, params.recipe, 1
        ):
            state = rows.state
        seconds += time.process_time() - began
        bits = training.held_out(state.theta, state.carried) or math.nan
        points.append(Point(state.update * params.characters, seconds, bits))
    return points


def draw(courses_by_batch: dict[int, list[list[Point]]]) -> None:
    """Write batch_along.png, with a line for each training in the colour of its batch."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 3), dpi=200, layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        for batch, courses in courses_by_batch.items():
            for seed, points in zip(SEEDS, courses, strict=True):
                bits, style = [point.bits for point in points[1:]], {"color": COLORS[batch], "linewidth": 1.0}
                label = f"batch {batch}" if seed == SEEDS[0] else None
                left.plot([point.characters / 1e6 for point in points[1:]], bits, label=label, **style)
                right.plot([point.seconds for point in points[1:]], bits, **style)
        left.axvline(STUDY / 1000, color="#595959", linewidth=0.6, linestyle=":")
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
    courses: dict[int, list[list[Point]]] = {}
    for params in read_study(ROOT / "studies/batch.yaml").settings.values():
        courses[params.batch] = [course(params.model_copy(update={"seed": seed})) for seed in SEEDS]
        for n, thousands in enumerate(MEASURED):
            points = [training[n] for training in courses[params.batch]]
            seconds, bits = median(point.seconds for point in points), median(point.bits for point in points)
            print(
                f"batch {params.batch}: {thousands * 1000:,} characters, {seconds:.1f} s, {bits:.3f} bits", flush=True
            )
    draw(courses)


if __name__ == "__main__":
    main()
