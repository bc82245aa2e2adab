"""The curves of a run that are compared: how many points each keeps."""

from itertools import count, islice
from typing import TypeVar

from charloom.results.records import MEASURE_OF_PART

Point = TypeVar("Point")
POINTS = {"smooth_loss": 150, MEASURE_OF_PART: 50}  # of each curve, at most


def thinned(curve: dict[int, Point], most: int) -> dict[int, Point]:
    """Return at most so many of the points: each of them, or every second, fifth, tenth and so on from the first."""
    steps = (step * 10**power for power in count() for step in (1, 2, 5))
    step = next(step for step in steps if -(-len(curve) // step) <= most)
    return dict(islice(curve.items(), None, None, step))
