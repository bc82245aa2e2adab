"""The record of a study in the spool. The sender reads it, so it imports no statistics."""

from charloom.results.records import Record
from charloom.settings.params import Params
from charloom.tracking.ends import Series

CONTENTS = "study.json"  # a StudyContents, in the spool
PICTURE = "comparison.svg"  # of the page of MLflow
PAGE = "report.html"  # in the study's folder


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
