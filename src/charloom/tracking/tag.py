"""The names of the tags that charloom writes in MLflow, and the tags of an experiment: its description and its view.

MLflow's default columns show no metric and no param. A set of columns is a shared view, which MLflow's page stores in a
tag of the experiment. The tag's name and format are not documented: we write what the page itself writes when a user
shares a view. There is no other way to choose columns for other users. A release with another format shows its default
columns.
"""

import json
from pathlib import Path

from charloom.core.config.records import DEFAULT_MEASURE, PART_MEASURE, Measure

# of experiments
TEXT = "charloom.text_sha256"  # SHA-256 of the text, or `studies`; runs have this tag, too
NAME = "charloom.name"  # the name with which it was created: the server restores it
STUDIES = "charloom.studies"  # the experiment for studies, whose runs are not runs of the pipeline

# of the pipeline's runs
KEY = "charloom.experiment"  # the experiment key; earlier versions added a suffix :1, :2, … for runs with other results
RESULTS = "charloom.results"  # the hash of the results; only a complete run has it
DIFFERS = "charloom.differs_from"  # the earlier run of the same experiment, which has other results
SAME = "charloom.same_as"  # the earlier complete run with the same results, which has the models and the trainings
RECORD = "charloom.record"  # the record (see tracking/spool.py) with the run's points
TRAINING = "charloom.training."  # begins the tags of trainings with these results; the record's name follows
REPRODUCTIONS = "charloom.reproductions"  # the number of trainings after the first with the same results
TRAININGS = "charloom.trainings"  # the list of trainings in JSON that earlier versions wrote
EARLIER = "charloom.reproductions_by_earlier_versions"  # REPRODUCTIONS as earlier versions left it
SETTING = "charloom.setting"  # the run's setting, which is its name without the seed
NETWORK = "charloom.network"  # of a run with the backend `numpy`: see ResultsRecord; equal trainings have equal digests
UNCOMMITTED = "charloom.uncommitted_changes"  # `false`, `params.yaml` (only that file), `true`, or why that is unknown

# of a study's run
STUDY = "charloom.study"  # the study's file
QUESTION = "charloom.study_question"  # the digest of the question
VERDICT = "charloom.verdict"  # the answer in one line
COUNTS = ("better", "worse", "no difference", "cannot tell")  # numbers of effects or settings, as narrow columns
TRIALS = "charloom.trials"  # the number of trials that the answer is from

# of a version of a registered model
MEASURED, COMPARABLE = "charloom.measure", "charloom.comparable"  # the measure, and the key of comparable versions

# MLflow's own
USER = "mlflow.user"  # the senders, as MLflow's pages show them
NOTE = "mlflow.note.content"
COMMIT = "mlflow.source.git.commit"

VIEW = "charloom"  # the name of the view


def _note(name: str) -> str:
    """Return the content of NAME.md in this folder: the description above MLflow's list of runs, in Markdown."""
    return Path(__file__).with_name(f"{name}.md").read_text(encoding="utf-8")


def _view(columns: tuple[str, ...], order: str, *, ascending: bool, **charts: object) -> str:
    """Return a view as JSON: names of columns, the name of the column that orders the runs, and the charts."""
    return json.dumps({"orderByKey": order, "orderByAsc": ascending, "selectedColumns": columns} | charts)


PARAM_COLUMNS = tuple(f"params.`{name}`" for name in ("eta", "m", "train.initial_accumulator_value"))
LOWEST_FIRST = Measure.HELD_OUT.better == "lower"
MEASURE_COLUMNS = f"metrics.`{DEFAULT_MEASURE}`", "metrics.`smooth_loss`"
VERDICT_COLUMNS = tuple(f"tags.`{name}`" for name in (*COUNTS, VERDICT))
USER_COLUMN = "attributes.`User`"
SHARED_VIEW = f"mlflow.sharedViewState.{VIEW}"
SECTIONS = "Model metrics", "System metrics"  # MLflow's names
CHARTS = {  # the first ones; MLflow's page adds the others, and makes a line of a generated bar if the metric has steps
    "compareRunSections": [{"uuid": name, "name": name, "display": True, "isReordered": True} for name in SECTIONS],
    "compareRunCharts": [
        {"type": "BAR", "uuid": name, "metricKey": name, "displayName": name, "metricSectionId": SECTIONS[0],
         "deleted": False, "isGenerated": name != DEFAULT_MEASURE, "runsCountToCompare": 10}
        for name in (DEFAULT_MEASURE, PART_MEASURE, "smooth_loss")
    ],
}  # fmt: skip
TEXT_COLUMNS = (*MEASURE_COLUMNS, USER_COLUMN, *PARAM_COLUMNS)
TEXT_TAGS = {  # of a text's experiment, best run first
    NOTE: _note("about_runs"),
    SHARED_VIEW: _view(TEXT_COLUMNS, MEASURE_COLUMNS[0], ascending=LOWEST_FIRST, **CHARTS),
}
STUDIES_TAGS = {  # of the experiment for studies, newest run first
    STUDIES: "true",
    NOTE: _note("about_studies"),
    SHARED_VIEW: _view((USER_COLUMN, *VERDICT_COLUMNS), "attributes.start_time", ascending=False),
}
