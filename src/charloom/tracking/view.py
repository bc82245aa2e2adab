"""What MLflow's page of runs says and shows first. MLflow's own choice of columns is no metric and no setting of ours.

Columns and charts are what the page calls a shared view. It keeps one in a tag of the experiment, whose name and form
are documented nowhere: they are those that the page itself writes when somebody shares a view. There is no other way
to choose columns for others. A release that reads it otherwise shows its own choice, and nothing else is lost.
"""

import json
from pathlib import Path
from typing import Any

from charloom.results.records import MEASURE, MEASURE_OF_PART

VIEW, GROUPED_VIEW = "charloom", "charloom-settings"
SETTING = "charloom.setting"  # tag of a run: what names its experiment, without the seed


def _note(name: str) -> str:
    """Return what stands above the runs, in Markdown."""
    return Path(__file__).with_name(f"{name}.md").read_text(encoding="utf-8")


def _chart(metric: str) -> dict[str, Any]:
    """Return the metric by update as a line, the measure of record as a bar for each run."""
    return {
        "type": "BAR" if metric == MEASURE else "LINE",
        "uuid": metric,
        "metricSectionId": "first",
        "metricKey": metric,
        "selectedMetricKeys": [metric],
        "isGenerated": metric != MEASURE,  # the page would make a line of its one point
        "deleted": False,
        "xAxisKey": "step",
        "yAxisKey": "metric",
        "scaleType": "linear",
        "xAxisScaleType": "linear",
        "range": {},
        "lineSmoothness": 0,
        "yAxisExpressions": [],
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
    }


def _view(columns: tuple[str, ...], charts: tuple[str, ...], **more: Any) -> str:
    """Return a view with columns and charts, the best runs first unless `more` says otherwise."""
    shown = {
        "runsHiddenMode": "FIRST_20_RUNS",  # in the charts
        "orderByKey": f"metrics.`{MEASURE}`",
        "orderByAsc": True,
        "selectedColumns": [f"metrics.`{MEASURE}`", "metrics.`smooth_loss`", *columns],
        "compareRunSections": [{"uuid": "first", "name": "Metrics", "display": True, "isReordered": False}],
        "compareRunCharts": [_chart(name) for name in (MEASURE, MEASURE_OF_PART, "smooth_loss", *charts)],
    }
    return json.dumps(shown | more)


COLUMNS = ("attributes.`User`", *(f"params.`{name}`" for name in ("eta", "m", "train.initial_accumulator_value")))
CHARTS = ("epoch_mean", "gradient_norm", "saturated_fraction")
# Runs of one setting, which differ in their seed alone, as one row with the means.
BY_SETTING = {"aggregateFunction": "average", "groupByKeys": [{"mode": "tag", "groupByData": SETTING}]}
TAGS = {  # of the experiment
    "mlflow.note.content": _note("about_runs"),
    f"mlflow.sharedViewState.{VIEW}": _view(COLUMNS, CHARTS),
    f"mlflow.sharedViewState.{GROUPED_VIEW}": _view(COLUMNS, CHARTS, groupBy=BY_SETTING),
}
# A study has no metric, and a trial's name says what varies; of a trial that diverged the status tells.
IN_STUDIES = ["attributes.`User`", "tags.`charloom.verdict`"]
NEWEST_FIRST = {"orderByKey": "attributes.start_time", "orderByAsc": False}
STUDIES_TAGS = {  # of the experiment of studies; its newest run stands first
    f"mlflow.sharedViewState.{VIEW}": _view((), (), selectedColumns=IN_STUDIES, **NEWEST_FIRST),
    "mlflow.note.content": _note("about_studies"),
}
