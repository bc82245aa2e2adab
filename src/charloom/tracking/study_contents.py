"""The record of a study in the spool. The sender imports this module, so it imports no statistics."""

from charloom.results.records import Record
from charloom.results.run import Curve
from charloom.settings.params import Params

PICTURE = "comparison.svg"  # the picture in the run's description
PAGE = "report.html"  # the page in the study's folder


class StudyTrial(Record):
    """A trial of a study, as the spool records it.

    key         the key of the trial's row in trials.csv
    name        the trial's varied params and seed, as the name of its run in MLflow
    params      all params
    outcome     the outcome in the table: `trained`, `worse than uniform`, or `diverged at update N`
    results     the hash of results; empty if the training diverged
    series      curves, and single metrics as curves of one point
    """

    key: str
    name: str
    params: Params
    outcome: str
    results: str
    series: dict[str, Curve]


class StudyContents(Record):
    """A study, as the spool records it.

    name         path of the study's file
    question     the digest of the study's question: see `Study.named`
    text_sha256  the SHA-256 of the text
    verdict      the answer in one line
    counts       the number of effects, or of settings if no factor was tested, by name in tag.COUNTS
    description  the answer in Markdown, the verdict first
    picture      the comparison as SVG, which MLflow's page shows at its drawn width, unlike a PNG
    files        absolute paths of the study's file, asked.json, the tables and the study's page
    trials       all trials that have ended
    """

    name: str
    question: str
    text_sha256: str
    verdict: str
    counts: dict[str, int]
    description: str
    picture: str
    files: list[str]
    trials: list[StudyTrial]
