"""What a run in MLflow says, as a file can hold it."""

from pydantic import Field

from charloom.results.records import MEASURE, Record, TrainMetrics
from charloom.settings.params import Params

Series = dict[str, dict[int, float]]  # of each metric, its values by update
Times = dict[int, int]  # when an update was done, in milliseconds since 1970


class TrainedModel(Record):
    """A model to log.

    name     of the LoggedModel: `best` or `last`
    file     its npz, among the artifacts
    update   the updates that made it
    prime    a text that it can go on from: the input example
    metrics  by name, each with its step
    """

    name: str
    file: str
    update: int
    prime: str
    metrics: dict[str, tuple[int, float]]


class Version(Record):
    """What a version of a registered model says.

    name         of the registered model, and `about` it
    description  of the version
    measure      the smaller, the better, among versions that are equal in `comparable`
    """

    name: str
    about: str
    description: str
    measure: float
    comparable: str


class RunContents(Record):
    """A run.

    experiment    the experiment key
    text_sha256   of its text, which has an MLflow experiment of its own
    name          says in what it differs from the committed params
    results       the hash of its results
    params        all of params.yaml
    profile       figures about the text; none where only a log of the run is left
    models        those to log, the first of them to register as `version`
    requirements  what the models need to be served: libraries with versions
    description   Markdown; the list of trainings comes after it
    patch         the changes to the code since the commit: a file of the run's, so not in this one
    """

    experiment: str
    text_sha256: str
    name: str
    results: str
    params: Params
    series: Series
    tags: dict[str, str]
    profile: dict[str, float]
    models: list[TrainedModel]
    version: Version | None
    requirements: list[str]
    description: str
    patch: str = Field(default="", exclude=True)


def ends(train: TrainMetrics) -> Series:
    """Return what is measured of the best and of the last model: the ends of two curves."""
    best, last = train.best_update, train.updates
    bits = {best: train.best_held_out_bits_per_character, last: train.held_out_bits_per_character}
    return {
        "smooth_loss": {best: train.best_smooth_loss, last: train.smooth_loss},
        MEASURE: {update: value for update, value in bits.items() if value is not None},
    }
