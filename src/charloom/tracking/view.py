"""The description and the views of MLflow's page of runs. MLflow's default columns show no metric and no param.

A set of columns is a shared view, which MLflow's page stores in a tag of the experiment. The tag's name and
format are not documented: we write what the page itself writes when a user shares a view. There is no other way to
choose columns for other users. A release with another format shows its default columns.
"""

import json
from pathlib import Path

from charloom.results.records import MEASURE
from charloom.tracking import tag

VIEW = "charloom"


def _note(name: str) -> str:
    """Return the content of NAME.md in this folder: the description above MLflow's list of runs, in Markdown."""
    return Path(__file__).with_name(f"{name}.md").read_text(encoding="utf-8")


def _view(columns: tuple[str, ...], order: str, *, ascending: bool) -> str:
    """Return a view as JSON: names of columns, and the name of the column that orders the runs."""
    return json.dumps({"orderByKey": order, "orderByAsc": ascending, "selectedColumns": columns})


PARAMS = tuple(f"params.`{name}`" for name in ("eta", "m", "train.initial_accumulator_value"))
MEASURES = f"metrics.`{MEASURE}`", "metrics.`smooth_loss`"
VERDICTS = tuple(f"tags.`{name}`" for name in (*tag.COUNTS, tag.VERDICT))
USER = "attributes.`User`"
SHARED_VIEW = f"mlflow.sharedViewState.{VIEW}"
TAGS = {  # of a text's experiment, best run first
    tag.NOTE: _note("about_runs"),
    SHARED_VIEW: _view((*MEASURES, USER, *PARAMS), MEASURES[0], ascending=True),
}
STUDIES_TAGS = {  # of the experiment for studies, newest run first
    tag.STUDIES: "true",
    tag.NOTE: _note("about_studies"),
    SHARED_VIEW: _view((USER, *VERDICTS), "attributes.start_time", ascending=False),
}
