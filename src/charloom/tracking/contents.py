"""What a run in MLflow says, as a file can hold it."""

from pydantic import Field

from charloom.results.identity import EarlierParams
from charloom.results.records import MEASURE, Record, TextMetrics, TrainMetrics

Series = dict[str, dict[int, float]]  # of each metric, its values by update
Times = dict[int, int]  # when an update was done, in milliseconds since 1970


class RunContents(Record):
    """A run.

    experiment    the experiment key
    text_sha256   of its text, which has an MLflow experiment of its own
    name          says in what it differs from the committed params
    results       the hash of its results
    params        all of params.yaml
    text, train   what was measured; nothing where only a log of the run is left
    models        the npz of the best and of the last one, among the artifacts, by the names that MLflow gets
    prime         a text that the models can go on from: their input example
    requirements  what the models need to be served: libraries with versions
    description   Markdown; the list of trainings comes after it
    patch         the changes to the code since the commit: a file of the run's, so not in this one
    """

    experiment: str
    text_sha256: str
    name: str
    results: str
    params: EarlierParams
    series: Series
    tags: dict[str, str]
    text: TextMetrics | None = None
    train: TrainMetrics | None = None
    models: dict[str, str]
    prime: str = ""
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


def with_ends(curves: Series, train: TrainMetrics) -> Series:
    """Return the curves with their ends: MLflow draws a chart for each, also of a single value."""
    return curves | {name: curves.get(name, {}) | points for name, points in ends(train).items()}
