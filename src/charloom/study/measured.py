"""What was measured: by setting and seed, wherever it comes from, a study, DVC's experiments or a CSV table."""

from itertools import count, islice
from typing import NamedTuple, TypeVar

from charloom.results.records import MEASURE_OF_PART

Seed = int | str
Curve = dict[int, float]  # a value by update
Point = TypeVar("Point")
MORE_TEXT = (  # a warning
    "settings read different amounts of text (updates times seq_length): what looks like a gain may come from "
    "more text alone"
)
POINTS = {"smooth_loss": 150, MEASURE_OF_PART: 50}  # of each curve, at most


class Measurement(NamedTuple):
    """One trial.

    value     of the measure; None where there is none: the training diverged
    exploded  it diverged, or ended worse than a uniform guess
    reached   the first update below the target; None where none was
    """

    value: float | None
    exploded: bool = False
    reached: int | None = None


class Measured(NamedTuple):
    """All trials of a comparison.

    measure     its name
    better      "lower" or "higher": of which values are better
    baseline    the setting to which the others are compared: one of `settings`
    settings    by name, in the order in which they are shown: each one's trials by seed
    curves      by name of the curve, setting and seed: its values at equal updates; may be empty
    looks       numbers of seeds at which it was declared that somebody looks, the last the most; empty: not declared
    smallest_difference  in units of the measure: below it nobody cares; None: not declared
    target      what `reached` is about, "smooth loss below 40"; empty: nothing is
    budget      updates of each trial, for times to the target; None: not known, or not one for all
    warnings    what a reader has to know of where they come from: each a sentence
    """

    measure: str
    better: str
    baseline: str
    settings: dict[str, dict[Seed, Measurement]]
    curves: dict[str, dict[str, dict[Seed, Curve]]]
    looks: tuple[int, ...] = ()
    smallest_difference: float | None = None
    target: str = ""
    budget: int | None = None
    warnings: tuple[str, ...] = ()


def thinned(curve: dict[int, Point], most: int) -> dict[int, Point]:
    """Return at most so many of the points: each of them, or every second, fifth, tenth and so on from the first."""
    steps = (step * 10**power for power in count() for step in (1, 2, 5))
    step = next(step for step in steps if -(-len(curve) // step) <= most)
    return dict(islice(curve.items(), None, None, step))
