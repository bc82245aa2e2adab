"""What the page of an experiment is about."""

from pathlib import Path
from typing import NamedTuple

from charloom.base.storage import read_json
from charloom.pages.gradient_table import read_published
from charloom.results.records import GradcheckErrors, PublishedFigures, TextMetrics, TrainMetrics
from charloom.settings.params import Params


class Results(NamedTuple):
    """What the stages before have written."""

    params: Params
    text: TextMetrics
    train: TrainMetrics
    gradcheck: GradcheckErrors
    published: PublishedFigures


def read_results(params: Params, path: dict[str, Path]) -> Results:
    """Return what the files hold. Raises Damaged, naming the file, where one is none that a stage wrote."""
    return Results(
        params=params,
        text=read_json(path["metrics/prepare"], TextMetrics),
        train=read_json(path["metrics/train"], TrainMetrics),
        gradcheck=read_json(path["reports/gradcheck"], GradcheckErrors),
        published=read_published(path["data/dd2424_report"]),
    )
