"""What a run in MLflow says, as a file can hold it."""

from charloom.results.identity import EarlierParams
from charloom.results.records import Record

Series = dict[str, dict[int, float]]  # of each metric, its values by update
Times = dict[int, int]  # when an update was done, in milliseconds since 1970


class Dataset(Record):
    """The text: its file, the SHA-256 of its content, and figures about it."""

    source: str
    sha256: str
    profile: dict[str, float]


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
    models        those to log, the first of them to register as `version`
    requirements  what the models need to be served: libraries with versions
    description   Markdown; the list of trainings comes after it
    """

    experiment: str
    text_sha256: str
    name: str
    results: str
    params: EarlierParams
    series: Series
    tags: dict[str, str]
    dataset: Dataset | None
    models: list[TrainedModel]
    version: Version | None
    requirements: list[str]
    description: str
