"""The section on the first updates, in which the loss of the published recipe jumps.

The section shows the cause, and the effect of the initial value of AdaGrad's accumulator. It repeats the first updates,
to compute measures that no file has.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from charloom.core.backend.backends import BACKENDS
from charloom.core.base.errors import Diverged
from charloom.core.base.types import Array
from charloom.core.kernel.arrays import product
from charloom.core.network.adagrad import AdaGrad
from charloom.core.network.logarithm import log
from charloom.core.network.recipe import Recipe
from charloom.core.network.rnn import SATURATED
from charloom.core.network.state import initial_state
from charloom.pages.along_updates import draw, over_updates, table_of
from charloom.pages.experiment.experiment_files import Results
from charloom.pages.pictures import BLUE, GREEN, GREY, PINK, VERMILION, as_picture, drawing, write_legend
from charloom.pages.sections import PageSection, Picture

CURE = 10.0  # initial value of AdaGrad's accumulator at which the loss does not jump
RISEN = 1.1  # a peak above this multiple of the first loss is a jump; a lower one may come from the text
LIMIT = log((1 + SATURATED) / (1 - SATURATED)) / 2  # |a| above which a unit is saturated: artanh(SATURATED)
SHARE = "share of saturated hidden units"
UPDATES = 50  # number of updates that are repeated


class FirstUpdates(NamedTuple):
    """Measures of the first updates, from update 0 on. The weights are those before the step of the update.

    losses     loss of each update, in nats per sequence
    saturated  share, in [0, 1], of saturated units: |h| > SATURATED
    sums       root mean square of W h, a unit's input from all units
    drawn      expected root mean square of W h if the signs in W were random
    """

    losses: list[float]
    saturated: list[float]
    sums: list[float]
    drawn: list[float]


Replays = dict[str, tuple[FirstUpdates, str, str]]  # by name: measures, line style and colour of the curves


def color_of(start: float) -> str:
    """Return the colour of trainings with this initial accumulator: VERMILION for 0, GREEN for CURE, otherwise BLUE."""
    return {0.0: VERMILION, CURE: GREEN}.get(start, BLUE)


def section(results: Results) -> PageSection:
    """Return the section, which compares this run's first updates with those of changed repetitions of this run.

    A run with AdaGrad is repeated with another initial accumulator. If the loss jumps, the run is also repeated with a
    W that keeps its initial values, to test whether the steps of W are the cause.
    """
    recipe, color, other, otherwise, held = results.params.recipe, BLUE, None, None, None
    run, name = _replay_of_run(recipe, results), "this run"
    if isinstance(recipe.optimizer, AdaGrad):
        accumulator = recipe.optimizer.initial_accumulator_value
        name, color = f"this run: AdaGrad from {accumulator:g}", color_of(accumulator)
        other = CURE if accumulator != CURE else 0.0
        changed = recipe.optimizer._replace(initial_accumulator_value=other)
        otherwise = _replay_of_run(replace(recipe, optimizer=changed), results)
    replays: Replays = {name: (run, "o-", color)}
    if otherwise and other is not None:
        replays[f"the same from {other:g}"] = otherwise, "s--", color_of(other)
    if jumps(run):
        held = _replay_of_run(recipe, results, keep_w=True)
        replays["this run, but W never moves"] = held, "^:", PINK
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
    it = {"run": run, "other": other, "otherwise": otherwise, "held": held, "jumps": jumps}
    return PageSection("first-updates", "The first updates", it, pictures)


def jumps(first: FirstUpdates) -> bool:
    """Return whether the loss jumps: the highest of the first losses is above RISEN times the very first one."""
    return max(first.losses) > RISEN * first.losses[0]


def _replay_of_run(recipe: Recipe, results: Results, keep_w: bool = False) -> FirstUpdates:
    """Return measures of the first updates of this run, but with the given recipe.

    keep_w  whether W keeps its initial values
    """
    return replay(recipe, results.params.seed, results.train.updates, results.text.K, results.corpus.training, keep_w)


def _first(replays: Replays, measure: str, title: str, form: str, caption: str) -> Picture:
    """Return the picture of one measure over the first updates, with a line for each training.

    measure  the measure, a field of FirstUpdates
    title    the picture's title
    form     format of the values in the picture's table, such as ".2f"
    """
    curves = {name: dict(enumerate(getattr(first, measure))) for name, (first, _, _) in replays.items()}
    with drawing(2.5) as (figure, axes):
        for name, (first, line, color) in replays.items():
            axes.plot(getattr(first, measure), line, color=color, ms=2.2, label=name, clip_on=False)
            if measure == "sums":
                axes.plot(first.drawn, ":", color=color, linewidth=0.9)
            over_updates(axes, len(first.losses) - 1)
        if measure == "sums":
            axes.axhline(LIMIT, color=GREY, linewidth=0.6, linestyle=(0, (4, 3)), zorder=0)
        if measure == "saturated":
            axes.set_ylim(-0.03, 1)  # a line at 0 lies above the axis
            axes.yaxis.set_major_formatter("{x:.0%}")
        write_legend(figure, axes, title)
    return as_picture(figure, f"first-{measure}", f"{title}, first updates", caption, table_of(curves, form))


def _saturated(results: Results, color: str) -> Picture:
    """Return the picture of the share of saturated units over the whole run."""
    curve = results.curves["saturated_fraction"]
    with drawing(2.5) as (figure, axes):
        draw(axes, curve, color, linewidth=0.9)
        over_updates(axes, results.train.updates)
        axes.set_ylim(-0.03, 1)
        axes.yaxis.set_major_formatter("{x:.0%}")
        axes.set_title(SHARE)
    last = 100 * list(curve.values())[-1]
    caption = f"Over the whole run, every 1,000 updates. At the end {last:.0f} % of the hidden units are saturated."
    return as_picture(figure, "saturated", f"{SHARE}, whole run", caption, table_of({"saturated": curve}, ".1%"))


def replay(recipe: Recipe, seed: int, updates: int, K: int, ids: Array, keep_w: bool = False) -> FirstUpdates:
    """Repeat the first UPDATES updates of a training, and return their measures; end before an update that diverges.

    updates  number of updates of the whole training
    K        number of different characters
    ids      (characters,) ids of the training text
    keep_w   whether W keeps its initial values; all other weights learn
    """
    state, T, backend = initial_state(recipe, K, seed), recipe.seq_length, BACKENDS[recipe.backend]
    W, rows_of_updates = state.theta.W.copy(), []
    starts, _ = recipe.places(0, min(UPDATES, updates) + 1, len(ids), seed)
    for of_batch in starts:
        try:
            rows = backend.advance(state, ids, 1, recipe)
        except Diverged:
            break
        to_next = state.theta.W.T.astype(float)
        squared, means = to_next**2, []
        for h_0, place in zip(state.h, of_batch, strict=True):
            states = backend.forward(state.theta, ids[place : place + T], h_0)[0].astype(float)
            saturated_now = np.abs(states[1:]) > SATURATED
            sums_now, drawn_now = product(states[:-1], to_next) ** 2, product(states[:-1] ** 2, squared)
            means.append([saturated_now.mean(), sums_now.mean(), drawn_now.mean()])
        saturated, *sums = np.mean(means, axis=0)
        rows_of_updates.append([float(rows.losses[0]), float(saturated), *np.sqrt(sums).tolist()])
        state = rows.after
        if keep_w:
            state.theta.W[:] = W
    return FirstUpdates(*map(list, zip(*rows_of_updates, strict=True)))
