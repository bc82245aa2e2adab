"""The names of the tags that charloom writes in MLflow, and the tags of an experiment: its description and its view.

MLflow's default columns show no metric and no param. A set of columns is a shared view, which MLflow's page stores in a
tag of the experiment. The tag's name and format are not documented: view_*.json has what the page itself writes when a
user shares a view. A release with another format shows its default columns.
"""

import json
from pathlib import Path

# of experiments
TEXT = "charloom.text_sha256"  # SHA-256 of the text, or ALL_STUDIES; runs have this tag, too
NAME = "charloom.name"  # the name with which it was created: the server restores it
STUDIES = "charloom.studies"  # the experiment for studies, whose runs are not runs of the pipeline
ALL_STUDIES = "studies"  # its key

# of the pipeline's runs
RECORD = "charloom.record"  # the id of the run's entry in the outbox: see outbox.Manifest
KEY = "charloom.experiment"  # the experiment key
RESULTS = "charloom.results"  # the hash of the results; only a complete run has it
DIFFERS = "charloom.differs_from"  # the earlier run of the same experiment, which has other results
REPRODUCED = "charloom.reproduced."  # begins the tag of a later training with equal results; the training's id follows
SETTING = "charloom.setting"  # the run's setting, which is its name without the seed
NETWORK = "charloom.network"  # of a run with the backend `numpy`: see ResultsRecord; equal trainings have equal digests
UNCOMMITTED = "charloom.uncommitted_changes"  # `false`, `params.yaml` (only that file), `true`, or why that is unknown
WHERE = tuple(f"charloom.{name}" for name in ("processor", "system", "python", "numpy", "numba"))

# of a study's run
STUDY = "charloom.study"  # the study's file
QUESTION = "charloom.study_question"  # the digest of the question
VERDICT = "charloom.verdict"  # the answer in one line
COUNTS = ("better", "worse", "no difference", "cannot tell")  # numbers of effects or settings, as narrow columns
TRIALS = "charloom.trials"  # the number of trials that the answer is from

# of a version of a registered model
MEASURED, COMPARABLE = "charloom.measure", "charloom.comparable"  # the measure, and the key of comparable versions

# MLflow's own
USER = "mlflow.user"  # as MLflow's pages show them
NOTE = "mlflow.note.content"
COMMIT = "mlflow.source.git.commit"

VIEW = "charloom"  # the name of the view


def _about(name: str) -> dict[str, str]:
    """Return the description above MLflow's list of runs, in Markdown, and the view, from the files in this folder."""
    folder = Path(__file__).parent
    view = json.loads((folder / f"view_{name}.json").read_text(encoding="utf-8"))
    note = (folder / f"about_{name}.md").read_text(encoding="utf-8")
    return {NOTE: note, f"mlflow.sharedViewState.{VIEW}": json.dumps(view)}


TEXT_TAGS = _about("runs")  # of a text's experiment, best run first
STUDIES_TAGS = {STUDIES: "true"} | _about("studies")  # of the experiment for studies, newest run first
