"""The description and the views of MLflow's page of runs. MLflow's default columns show no metric and no param.

A set of columns and charts is a shared view, which MLflow's page stores in a tag of the experiment. The tag's name and
format are not documented: we write what the page itself writes when a user shares a view. There is no other way to
choose columns for other users. A release with another format shows its default columns.
"""

import json
from pathlib import Path
from typing import Any

from charloom.results.records import MEASURE, MEASURE_OF_PART
from charloom.tracking import tag

VIEW, GROUPED_VIEW = "charloom", "charloom-settings"


def _note(name: str) -> str:
    """Return the content of NAME.md in this folder: the description above MLflow's list of runs, in Markdown."""
    return Path(__file__).with_name(f"{name}.md").read_text(encoding="utf-8")


def _chart(metric: str) -> dict[str, Any]:
    """Return MLflow's definition of a chart: a bar chart for MEASURE, and for another metric a line chart by update."""
    return {
        "type": "BAR" if metric == MEASURE else "LINE",
        "uuid": metric,
        "metricSectionId": "first",
        "metricKey": metric,
        "selectedMetricKeys": [metric],
        "isGenerated": metric != MEASURE,  # otherwise the page draws a line chart of its single point
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
    """Return a view as JSON. The best runs are first unless `more` contains another order.

    columns  names of columns besides the measures
    charts   names of metrics with a chart besides the measures
    more     keys of the view that are added or replaced
    """
    view = {
        "runsHiddenMode": "FIRST_20_RUNS",  # the charts show 20 runs
        "orderByKey": f"metrics.`{MEASURE}`",
        "orderByAsc": True,
        "selectedColumns": [f"metrics.`{MEASURE}`", "metrics.`smooth_loss`", *columns],
        "compareRunSections": [{"uuid": "first", "name": "Metrics", "display": True, "isReordered": False}],
        "compareRunCharts": [_chart(name) for name in (MEASURE, MEASURE_OF_PART, "smooth_loss", *charts)],
    }
    return json.dumps(view | more)


COLUMNS = ("attributes.`User`", *(f"params.`{name}`" for name in ("eta", "m", "train.initial_accumulator_value")))
CHARTS = ("epoch_mean", "gradient_norm", "saturated_fraction")
# One row with the means for the runs of one setting, which differ only in their seed.
BY_SETTING = {"aggregateFunction": "average", "groupByKeys": [{"mode": "tag", "groupByData": tag.SETTING}]}
TAGS = {  # of a text's experiment
    tag.NOTE: _note("about_runs"),
    f"mlflow.sharedViewState.{VIEW}": _view(COLUMNS, CHARTS),
    f"mlflow.sharedViewState.{GROUPED_VIEW}": _view(COLUMNS, CHARTS, groupBy=BY_SETTING),
}
# A study has no metric. A trial's name contains the varied params, and its status tells whether it diverged.
IN_STUDIES = ["attributes.`User`", *(f"tags.`{name}`" for name in (*tag.COUNTS, tag.VERDICT))]
NEWEST_FIRST = {"orderByKey": "attributes.start_time", "orderByAsc": False}
STUDIES_TAGS = {  # of the experiment for studies, newest run first
    f"mlflow.sharedViewState.{VIEW}": _view((), (), selectedColumns=IN_STUDIES, **NEWEST_FIRST),
    tag.NOTE: _note("about_studies"),
}
