"""What MLflow's page of runs shows first: MLflow's own choice is no metric and no setting.

It is a "shared view" of that page, a tag of the experiment that the page's link names.
"""

from typing import Any

VIEW = "charloom"
MEASURE = "held_out_bits_per_character"


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


SHOWN = {
    "orderByKey": f"metrics.`{MEASURE}`",
    "orderByAsc": True,
    "selectedColumns": [
        *(f"metrics.`{name}`" for name in (MEASURE, "smooth_loss", "best_smooth_loss")),
        *(f"params.`{name}`" for name in ("seed", "eta", "m", "train.initial_accumulator_value")),
    ],
    "compareRunSections": [{"uuid": "first", "name": "Metrics", "display": True, "isReordered": False}],
    "compareRunCharts": [
        _chart(name) for name in ("smooth_loss", MEASURE, "epoch_mean", "gradient_norm", "saturated_fraction")
    ],
}
