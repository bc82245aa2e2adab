"""What a study says in MLflow, taken from its tables."""

from charloom.base.terminal import in_line
from charloom.results.identity import experiment_key, naming_params, run_name
from charloom.results.records import Record, TrainMetrics
from charloom.settings.params import Params
from charloom.study.asking import ASKED
from charloom.study.formats import as_markdown
from charloom.study.study_file import Study
from charloom.study.trial import trials_there
from charloom.tracking.ends import Series, with_ends
from paired.data_types import Answer
from paired.sentences import told

CONTENTS = "study.json"  # a StudyContents, in the spool
PICTURE = "comparison.svg"  # of the page of MLflow
VERDICT_ROOM = 5000  # characters of a tag: MLflow takes 8,000
PAGE = "report.html"  # in the study's folder
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

    name         its file
    question     which study it is: see `Study.named`
    text_sha256  of the text
    verdict      the answer in a line
    description  Markdown: what it says, the verdict first
    picture      SVG, which the page shows as wide as it was drawn; of a PNG it would show each pixel
    files        the question, the tables and the study's page
    trials       all that have ended
    """

    name: str
    question: str
    text_sha256: str
    verdict: str
    description: str
    picture: str
    files: list[str]
    trials: list[StudyTrial]


def study_contents(study: Study, answer: Answer, picture: str) -> StudyContents:
    """Return what the study's runs say."""
    trials = []
    for trial in (trial for each in trials_there(study, study.runs).values() for trial in each):
        run, named = study.runs[trial.key], naming_params(trial.params)
        trials.append(
            StudyTrial(
                key=trial.key,
                name=run_name(trial.params, {name: x for name, x in named.items() if name not in study.varied}),
                experiment=experiment_key(trial.params, study.asked.sha256),
                params=trial.params,
                outcome=run.outcome,
                results=run.results,
                series=with_ends(run.curves, run.metrics) | _single(run.metrics) if run.metrics else run.curves,
            )
        )
    files = (study.path, *(study.folder / name for name in (ASKED, "trials.csv", "curves.csv", PAGE)))
    return StudyContents(
        name=str(study.path), question=study.named, text_sha256=study.asked.sha256,
        verdict=in_line(told(answer))[:VERDICT_ROOM], description=as_markdown(answer), picture=picture,
        files=[str(file.absolute()) for file in files], trials=trials,
    )  # fmt: skip


def _single(train: TrainMetrics) -> Series:
    """Return the metrics that end no curve, as points."""
    return {name: {train.updates: float(x)} for name in NO_CURVE if (x := getattr(train, name)) is not None}
