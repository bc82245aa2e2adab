"""A run: params, text and results of a training. Three functions read a run:

from_folder   from this folder, after its stages              this module
from_commits  from a commit: HEAD or a DVC experiment         commits.py
from_row      from a row of a study's table                   study_table.py
"""

from itertools import count, islice
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

from charloom.core.base.storage import read_json, read_table
from charloom.core.config.params import Params
from charloom.core.config.records import PART_MEASURE, STATISTICS, ResultsRecord, TextMetrics, TrainMetrics
from charloom.core.training.headline import outcome_of

Point = TypeVar("Point")
Curve = dict[int, float]  # a value by update
POINTS = {"smooth_loss": 150, PART_MEASURE: 50}  # the most points of each curve in a study's tables
FIRST_LOSSES = 100  # the first updates, whose losses are all recorded
TABLES = {  # the columns of each table, by the key of its file
    "plots/smooth_loss": ("smooth_loss",),
    "plots/held_out": (PART_MEASURE,),
    "plots/first_losses": ("loss",),
    "plots/measures": STATISTICS,
    "plots/epoch_means": ("epoch_mean",),
}


class Run(NamedTuple):
    """A run: params, text and results of a training.

    params       all params
    text_sha256  SHA-256 of the text
    outcome      TRAINED, WORSE (than a uniform guess), or DIVERGED followed by ` at update N`
    metrics      None if the training diverged
    curves       {name: {update: value}}: losses in nats per sequence or bits per character, and statistics; a row of a
                 study's table has only the curves and numbers of points in POINTS; a run from a commit has no curves
    results      the hash of weights and trace; empty if the training diverged or no hash was recorded
    text         figures about the text; None if only its hash is recorded
    network      a digest of the code, for the backend `numpy`: see ResultsRecord; empty in a row of a study's table
    passages     the last model's cost of each passage of the held-out text, in bits per character; () if not measured
    """

    params: Params
    text_sha256: str
    outcome: str
    metrics: TrainMetrics | None
    curves: dict[str, Curve]
    results: str
    text: TextMetrics | None = None
    passages: tuple[float, ...] = ()
    network: str = ""

    @property
    def text_and_metrics(self) -> tuple[TextMetrics, TrainMetrics]:
        """Return the text's figures and the metrics. Use this only for a run from a folder or a commit: it has both."""
        return cast(TextMetrics, self.text), cast(TrainMetrics, self.metrics)

    @property
    def measured_on(self) -> tuple[str, float, int]:
        """Return the values that determine the measured text: SHA-256, held-out fraction, limit of characters."""
        return self.text_sha256, self.params.prepare.held_out, self.params.train.held_out_characters


def from_folder(params: Params, path: dict[str, Path]) -> Run:
    """Return the run in the stages' result files. Raises Damaged, with the path, if a file is missing or invalid.

    path  the paths of the files, by folder and stem: see pipeline.Files
    """
    text, metrics = read_json(path["metrics/prepare"], TextMetrics), read_json(path["metrics/train"], TrainMetrics)
    curves: dict[str, Curve] = {}
    for key, names in TABLES.items():
        for name, curve in read_table(path[key], *names, may_be_empty=key == "plots/held_out").items():
            curves[name] = curves.get(name, {}) | curve  # "loss" is in two tables: all first losses, then every 1000th
    results, outcome = read_json(path["metrics/results"], ResultsRecord), outcome_of(metrics, text.K, params.seq_length)
    return Run(params, text.sha256, outcome, metrics, curves, results.results, text, network=results.network)


def thinned(curve: dict[int, Point], most: int) -> dict[int, Point]:
    """Return at most `most` points of the curve: all, or every 2nd, 5th, 10th, 20th and so on, from the first point."""
    steps = (step * 10**power for power in count() for step in (1, 2, 5))
    step = next(step for step in steps if -(-len(curve) // step) <= most)
    return dict(islice(curve.items(), None, None, step))
