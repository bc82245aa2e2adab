"""What a study says in MLflow, taken from its tables, and sent by a process of its own: no store can hold it up."""

import sys
import tempfile
from pathlib import Path

from charloom.base.errors import CharloomError
from charloom.base.storage import write_json
from charloom.base.terminal import in_line
from charloom.results.records import Record, TrainMetrics
from charloom.settings.experiment import experiment_key, naming_params, run_name
from charloom.settings.params import Params
from charloom.study.study_file import Study
from charloom.study.study_table import read_outcomes, trials_in
from charloom.tracking.apart import apart
from charloom.tracking.contents import Series, ends

STORE_MAY_TAKE = 120  # seconds
NO_CURVE = ("best_smooth_loss", "first_update_below_target")  # metrics that are no points of a curve


class StudyTrial(Record):
    """A trial.

    key         of its row
    name        what varies, short, and its seed
    experiment  the experiment key of its params and text, as the pipeline's run has it
    params      all of them
    outcome     as the table says it
    results     the hash of the results; empty where it diverged
    series      its metrics and curves
    """

    key: str
    name: str
    experiment: str
    params: Params
    outcome: str
    results: str
    series: Series


class StudyContents(Record):
    """A study.

    name         its file; with the text it says which study it is
    text_sha256  of the text
    description  Markdown: what it says
    picture      SVG, which the page shows as wide as it was drawn; of a PNG it would show each pixel
    page         HTML, the study's page
    files        the question and the tables
    trials       all that have ended
    """

    name: str
    text_sha256: str
    description: str
    picture: str
    page: str
    files: list[str]
    trials: list[StudyTrial]


def study_contents(study: Study, text_sha256: str, description: str, picture: str, page: str) -> StudyContents:
    """Return what the study's tables say. Raises Damaged, naming the file, where one is no such table."""
    outcomes = read_outcomes(study.folder)
    trials = []
    for trial in (trial for each in trials_in(study).values() for trial in each if trial.key in outcomes):
        params, ended = trial.params.model_copy(update={"seed": trial.seed}), outcomes[trial.key]
        named = naming_params(params)
        trials.append(
            StudyTrial(
                key=trial.key,
                name=run_name(params, {name: value for name, value in named.items() if name not in study.varied}),
                experiment=experiment_key(params, text_sha256),
                params=params,
                outcome=ended.outcome,
                results=ended.results,
                series=ended.curves | (_metrics(ended.metrics, ended.curves) if ended.metrics else {}),
            )
        )
    files = (study.path, study.folder / "trials.csv", study.folder / "curves.csv")
    return StudyContents(
        name=str(study.path), text_sha256=text_sha256, description=description, picture=picture, page=page,
        files=[str(file.absolute()) for file in files], trials=trials,
    )  # fmt: skip


def _metrics(train: TrainMetrics, curves: Series) -> Series:
    """Return the metrics as points; those of the models end the curves, as in the pipeline's run."""
    single = {name: {train.updates: float(x)} for name in NO_CURVE if (x := getattr(train, name)) is not None}
    return single | {name: curves.get(name, {}) | points for name, points in ends(train).items()}


def send_apart(contents: StudyContents) -> None:
    """Have the study sent to MLflow; where that fails, say so in a line. Nothing is raised."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "study.json"
            write_json(file, contents.model_dump(mode="json"))
            apart("studies.send", str(file), seconds=STORE_MAY_TAKE)
    except (CharloomError, OSError) as error:
        again = f"`charloom study {in_line(contents.name)}` sends it again"
        sys.stderr.write(f"warning: MLflow has not got the study ({in_line(str(error))}); {again}\n")
