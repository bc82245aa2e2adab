"""The spool: a folder, called an entry, for each training or study not yet sent to MLflow, in the main repository.

    .charloom/spool/<digest of training key and params; the start of the results' hash if no training was recorded>/
        run.jsonl    the record of the training: lines of JSON, each sealed (see storage.sealed), only ever appended;
                     `train` writes it: see core/training/record.py
        files/       artifacts, models and code that the stage `track` adds, with their SHA-256 in SHA256SUMS
    .charloom/spool/study-<digest of the study's question>/
        run.jsonl    the study: a StudyContents
        files/       its tables and pages

`track` appends to the record the points that only the result files contain, and a Tracked. The first line with a name
and an update counts, so a point has one value and one time, and may be sent to MLflow any number of times.

The sender (tracking/sender.py) is a process of its own: it sends the entries and removes those that MLflow has.
`track` and `charloom track` read the spool to find the entry of a run. A line {"sender": identity} requests the
delivery by the sender with this identity.
"""

from functools import cached_property

from charloom.core.config.records import Schema, TrainMetrics
from charloom.core.training.record import Start
from charloom.results.keys import experiment_key

FILES = "files"
RATE = "system/characters_per_second"  # the record's RATE: MLflow's pages show facts about the machine apart
MODEL_FILE = "model.npz"  # a model's arrays, in its folder in MLflow
SHOWN_FILES, MODEL_CODE = "artifacts", "code"  # folders of FILES: what a run's page shows; the code of a served model
SERVED, PACKED = "served.py", "charloom.zip"  # files of MODEL_CODE: see tracking/served.py; the sources that it imports
PAGE, PICTURE = "report.html", "comparison.svg"  # a study's page; the picture in the description of its run
BEST, LAST = "lowest_smooth_loss", "last"  # names of models in MLflow; others are checkpoints


class Started(Start):
    """The start of a training, with the experiment key that is computed from it."""

    @cached_property
    def experiment(self) -> str:
        """Return the experiment key: see keys.experiment_key."""
        return experiment_key(self.params, self.text_sha256, self.network)


class Tracked(Schema):
    """The facts about a run that `track` appends to the record.

    results       the hash of the results
    train         the metrics of the training
    tags          tags of the MLflow run
    models        number of updates of the best model, the last model and the checkpoints, by their names in MLflow,
                  which are also the names of the files in `models`
    description   the run's description in Markdown, without the list of trainings that MLflow shows below it
    points        number of points in the whole record, without rates (RATE)
    """

    results: str
    train: TrainMetrics
    tags: dict[str, str]
    models: dict[str, int]
    description: str
    points: int


class StudyContents(Schema):
    """A study, as the spool records it.

    name         path of the study's file
    question     the digest of the study's question: see `Study.question_key`
    text_sha256  the SHA-256 of the text
    trials       the number of trials that have ended
    tags         tags of the MLflow run: the answer in one line; the number of effects, or of settings if no factor was
                 tested, by verdict
    description  the answer in Markdown, the verdict first
    """

    name: str
    question: str
    text_sha256: str
    trials: int
    tags: dict[str, str]
    description: str


class Outcome(Schema):
    """The outcome of an attempt to deliver an entry: a line of the sender's log.

    entry      name of the entry's folder
    delivered  name and address of the completed run or study, or ""
    failure    why the attempt failed, or ""
    """

    entry: str
    delivered: str
    failure: str
