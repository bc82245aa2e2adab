"""What our JSON files hold, said once: stages write them from these and check them against these."""

from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

Row = TypeVar("Row")


class Record(BaseModel):
    """Frozen; an unknown key, a missing one, a wrong type, NaN and infinity are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Levels(Record):
    """The in-sample entropy of n-grams: what counting alone can reach."""

    uniform: float
    unigram: float
    bigram: float
    trigram: float


class TextMetrics(Record):
    """metrics/prepare.json: the text.

    characters_counted is in how many characters, from the text's first on, n-grams were counted.
    """

    characters: int
    training_characters: int
    held_out_characters: int
    K: int
    sha256: str
    characters_that_occur_once: int
    characters_counted: int
    nats_per_sequence: Levels
    bits_per_character: Levels


class MatrixAgreement(Record):
    """One matrix at one state: how many entries were compared, and in how many decimal digits they agree."""

    entries: int
    entries_zero: int
    agreeing_digits: int


class MatrixErrors(Record):
    """One matrix at one state.

    Up to `entries_zero` it compares the kernel's gradient with the complex step: the worst entry, then the number of
    entries. report_relative_error is the largest error of the source report's own check, by central differences.
    """

    max_relative_error: float
    worst_entry: list[int]
    analytic: float
    numeric: float
    entries: int
    entries_zero: int
    report_relative_error: float


class Matrices(Record, Generic[Row], extra="ignore"):
    """A row for each matrix."""

    W: Row
    U: Row
    V: Row
    b: Row
    c: Row


class GradcheckErrors(Record):
    """reports/gradcheck.json: measured errors, in the kernel's arithmetic.

    state_error is the largest error of the kernel's hidden states, each compared with one that is
    computed from its predecessor.
    """

    state_error: float
    zero: Matrices[MatrixErrors]
    carried: Matrices[MatrixErrors]


class GradcheckMetrics(Record):
    """metrics/gradcheck.json: the verdict of the check."""

    passed: bool
    tolerance: float
    zero: Matrices[MatrixAgreement]
    carried: Matrices[MatrixAgreement]


class TrainMetrics(Record):
    """metrics/train.json: losses in nats per sequence, what the held-out text costs in bits per character.

    held_out_bits_per_character is the last model's and the measure of record, best_… the best model's. Both are about
    the first held_out_characters_read characters. lowest_… is the lowest point of plots/held_out.csv, whose points
    are about fewer of them. A metric that is added has the default None: what is there already is read without it.
    """

    held_out_bits_per_character: float | None
    best_held_out_bits_per_character: float | None
    lowest_held_out_part_bits_per_character: float | None
    lowest_held_out_part_update: int | None
    held_out_characters_read: int
    smooth_loss: float
    best_smooth_loss: float
    best_update: int
    first_update_below_target: int | None
    updates: int
    updates_per_epoch: int

    def known(self) -> dict[str, Any]:
        """Return the metrics by name, without those that did not exist yet when they were measured."""
        return {name: value for name, value in self if value is not None or type(self).model_fields[name].is_required()}


class ResultsRecord(Record):
    """metrics/results.json: the hash of what a training came to, its weights and its trace (see results_hash)."""

    results: str


class SampleQuality(Record):
    """One sample: the share of its words that stand in the training text, and its longest passage that does.

    known_words is null where there is no whole word; longest_copy is in characters.
    """

    known_words: float | None
    longest_copy: int

    def __str__(self) -> str:
        """Return it in words."""
        share = "" if self.known_words is None else f"{self.known_words:.0%} of its words are in the text, "
        return f"{share}the longest passage copied from it has {self.longest_copy:,} characters"


class SampleMarks(Record):
    """What is marked in a sample, in characters from its first: [start, end).

    copied   its longest passage that stands in the training text, the first of those that are as long
    unknown  its whole words that do not stand there
    """

    copied: tuple[int, int]
    unknown: list[tuple[int, int]]


class AllMarks(Record):
    """reports/sample_marks.json: a row for each of the sample table, in its order."""

    data: list[SampleMarks]


class SampleMetrics(Record):
    """metrics/sample.json: the sample of each checkpoint, by its updates, and the best model's."""

    checkpoints: dict[int, SampleQuality]
    best: SampleQuality


class Published(Record):
    """A point of the published curve."""

    update: int
    smooth_loss: float


class ReportFigures(Record):
    """What a public report of the assignment came to."""

    year: int
    update: int
    smooth_loss: float
    repository: str


class EditionFigures(Record):
    """An edition of the assignment: its recipe by dotted names, and what the lecturer and others came to with it."""

    params: dict[str, Any]
    lecturer: dict[int, float]
    reports: list[ReportFigures]


class PublishedFigures(Record, extra="ignore"):
    """data/dd2424_report.yaml: of the published figures, those that a picture or a table shows.

    drawn_beside  SHA-256 of the texts beside whose curve the published one may stand
    novel         characters and K of the text that all of them have read
    """

    text: str
    drawn_beside: list[str]
    settings: dict[str, float]
    gradient_check: Matrices[float]
    smooth_loss: dict[int, float]
    best: Published
    samples: dict[str, int]
    novel: dict[str, int]
    editions: dict[int, EditionFigures]

    @property
    def title(self) -> str:
        """Return the name of the text, without what is said of it."""
        return self.text.partition(" (")[0]


STATISTICS = ("loss", "gradient_norm", "clipped_fraction", "saturated_fraction")  # columns of plots/measures.csv
MEASURE = "held_out_bits_per_character"  # the measure of record: of the last model, on all that is measured
# Of TrainMetrics, those by which settings can be compared: the lower, the better.
Measure = Literal[
    "held_out_bits_per_character",
    "best_held_out_bits_per_character",
    "lowest_held_out_part_bits_per_character",
    "smooth_loss",
    "best_smooth_loss",
]
MEASURE_OF_PART = "held_out_part_bits_per_character"  # of each checkpoint, on less text: plots/held_out.csv
BEST_MODEL = "best model"
SampleRow = tuple[str, str, int, float]


class SampleTable(Record):
    """reports/sample_table.json, an MLflow table: its page lays the second column side by side.

    `sample` is "best model", or the updates of a checkpoint, so that runs meet at equal updates.
    """

    columns: tuple[str, ...] = ("sample", "text", "update", "smooth_loss")
    data: list[SampleRow]
