"""A run: what was trained, on which text, and what it came to; wherever it is read from, it is this value.

from_folder   here, after its stages                         this module
from_commits  a commit, HEAD's own or a DVC experiment's     commits.py
from_row      a row of a study's table                       study_table.py
"""

from itertools import count, islice
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

from charloom.base.logarithm import LN2, log
from charloom.base.storage import read_json, read_table
from charloom.results.records import MEASURE_OF_PART, STATISTICS, ResultsRecord, TextMetrics, TrainMetrics
from charloom.settings.params import Params

TRAINED, WORSE, DIVERGED = "trained", "worse than uniform", "diverged"
MARGIN = 1e-6  # relative: a model that guesses uniformly costs log₂ K but for rounding, and has not exploded

Point = TypeVar("Point")
Curve = dict[int, float]  # a value by update
POINTS = {"smooth_loss": 150, MEASURE_OF_PART: 50}  # of each curve, those that a study's tables keep at most
FIRST_LOSSES = 100  # updates whose losses are all kept
TABLES = {  # of each table of a curve, the names of its columns
    "plots/smooth_loss": ("smooth_loss",),
    "plots/held_out": (MEASURE_OF_PART,),
    "plots/first_losses": ("loss",),
    "plots/measures": STATISTICS,
    "plots/epoch_means": ("epoch_mean",),
}


class Run(NamedTuple):
    """One.

    params       all of them
    text_sha256  of the text
    outcome      TRAINED; WORSE, than a uniform guess; or DIVERGED and at which update
    metrics      None where it diverged
    curves       by name, in nats per sequence or bits per character; of a row at most POINTS each
    results      the hash of weights and trace; empty where it diverged, or where nobody wrote it down
    text         figures about the text; None where only its hash is known
    """

    params: Params
    text_sha256: str
    outcome: str
    metrics: TrainMetrics | None
    curves: dict[str, Curve]
    results: str
    text: TextMetrics | None = None

    @property
    def seed(self) -> int:
        """Return the seed of its weights."""
        return self.params.seed

    @property
    def facts(self) -> tuple[TextMetrics, TrainMetrics]:
        """Return its text's figures and its metrics: of one that was read from a folder or a commit, which has both."""
        return cast(TextMetrics, self.text), cast(TrainMetrics, self.metrics)

    @property
    def measured_on(self) -> tuple[str, float, int]:
        """Return what its measures are of: the text, and which part of that."""
        return self.text_sha256, self.params.prepare.held_out, self.params.train.held_out_characters


def outcome_of(metrics: TrainMetrics, K: int, seq_length: int) -> str:
    """Return TRAINED; or WORSE, where the last model costs more than a uniform guess among K characters."""
    bits = metrics.held_out_bits_per_character
    cost, uniform = (metrics.smooth_loss, seq_length * log(K)) if bits is None else (bits, log(K) / LN2)
    return WORSE if cost > (1 + MARGIN) * uniform else TRAINED


def from_folder(params: Params, path: dict[str, Path]) -> Run:
    """Return the run whose files lie here. Raises Damaged, naming the file, where one is none that a stage wrote."""
    text, metrics = read_json(path["metrics/prepare"], TextMetrics), read_json(path["metrics/train"], TrainMetrics)
    curves: dict[str, Curve] = {}
    for key, names in TABLES.items():
        for name, curve in read_table(path[key], *names, may_be_empty=key == "plots/held_out").items():
            curves[name] = curves.get(name, {}) | curve  # each of the first losses, then one in a thousand
    results, outcome = read_json(path["metrics/results"], ResultsRecord), outcome_of(metrics, text.K, params.seq_length)
    return Run(params, text.sha256, outcome, metrics, curves, results.results, text)


def thinned(curve: dict[int, Point], most: int) -> dict[int, Point]:
    """Return at most so many of the points: each of them, or every second, fifth, tenth and so on from the first."""
    steps = (step * 10**power for power in count() for step in (1, 2, 5))
    step = next(step for step in steps if -(-len(curve) // step) <= most)
    return dict(islice(curve.items(), None, None, step))
