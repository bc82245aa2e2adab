"""Runs for tests: the committed one, with other params or on another text."""

from projects import ROOT

from charloom.core.config.reading import read_params
from charloom.core.config.records import TextMetrics, TrainMetrics
from charloom.core.training.headline import TRAINED
from charloom.results.run import Run

PARAMS = read_params(ROOT / "params.yaml")
METRICS = TrainMetrics.model_validate_json((ROOT / "metrics/train.json").read_text())
TEXT = TextMetrics.model_validate_json((ROOT / "metrics/prepare.json").read_text())


def a_run(params=PARAMS, text=TEXT.sha256, **metrics) -> Run:
    """Return a run that came to the committed metrics, but for these."""
    return Run(params, text, TRAINED, METRICS.model_copy(update=metrics), {}, "")
