"""The record of a study in the spool. The sender imports this module, so it imports no statistics."""

from charloom.results.records import Record
from charloom.settings.params import Params
from charloom.tracking.model_points import Series

CONTENTS = "study.json"  # file in the spool with a StudyContents
PICTURE = "comparison.svg"  # the picture in the run's description
PAGE = "report.html"  # the page in the study's folder


class StudyTrial(Record):
    """A trial.

    key         the key of its row
    name        its varied params and its seed, in short
    experiment  the experiment key that a run of the pipeline with its params and text has
    params      all params
    outcome     its outcome in the table
    results     the hash of the results; empty if the training diverged
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
    question     the digest of its question: see `Study.named`
    text_sha256  the SHA-256 of the text
    verdict      the answer in one line
    description  the answer in Markdown, the verdict first
    picture      an SVG, which MLflow's page shows at its drawn width, unlike a PNG
    files        paths of the question, the tables and the study's page
    trials       all trials that have ended
    """

    name: str
    question: str
    text_sha256: str
    verdict: str
    description: str
    picture: str
    files: list[str]
    trials: list[StudyTrial]
