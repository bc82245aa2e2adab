"""The schemas of our JSON files: stages write each file from its record, and readers validate it by the same record."""

from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

MatrixRow = TypeVar("MatrixRow")


class Record(BaseModel):
    """The base of all records: frozen. Unknown keys, missing keys, wrong types, NaN and infinity are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Levels(Record):
    """In-sample entropies of n-grams: the losses of models that only count."""

    uniform: float
    unigram: float
    bigram: float
    trigram: float


class TextMetrics(Record):
    """metrics/prepare.json: figures about the text.

    characters_counted is the number of characters, from the start of the text, in which n-grams were counted.
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
    """The check of one matrix at one state: the number of entries compared, and of decimal digits that agree."""

    entries: int
    entries_zero: int
    agreeing_digits: int


class MatrixErrors(Record):
    """The errors of one matrix at one state.

    The fields up to `entries_zero` compare the kernel's gradient with the complex step: first the worst entry, then
    the numbers of entries. report_relative_error is the largest error in the check by central differences, as in the
    source report.
    """

    max_relative_error: float
    worst_entry: list[int]
    analytic: float
    numeric: float
    entries: int
    entries_zero: int
    report_relative_error: float


class Matrices(Record, Generic[MatrixRow], extra="ignore"):
    """A row for each matrix."""

    W: MatrixRow
    U: MatrixRow
    V: MatrixRow
    b: MatrixRow
    c: MatrixRow


class GradcheckErrors(Record):
    """reports/gradcheck.json: measured errors, in the kernel's arithmetic.

    state_error is the largest error of the kernel's hidden states. Each state is compared with the state that the
    equation gives for its predecessor.
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
    """metrics/train.json: losses in nats per sequence, held-out losses in bits per character.

    held_out_bits_per_character belongs to the last model and is the measure of record; best_… belongs to the best
    model. Both are measured on the first held_out_characters_read characters. lowest_… is the lowest point of
    plots/held_out.csv, whose points are measured on fewer characters. A metric that a later version adds has the
    default None, so that existing files stay readable.
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
        """Return the metrics by name, without the metrics that the version that measured the run did not have."""
        return {name: value for name, value in self if value is not None or type(self).model_fields[name].is_required()}


class ResultsRecord(Record):
    """metrics/results.json: the hash of a training's weights and trace (see results_hash)."""

    results: str


class SampleQuality(Record):
    """Quality of one sample, compared with the training text.

    known_words   the share of the sample's words that the training text contains; null if the sample has no whole word
    longest_copy  the length, in characters, of the longest passage that the training text contains
    """

    known_words: float | None
    longest_copy: int

    def __str__(self) -> str:
        """Return the sample's quality as a sentence."""
        share = "" if self.known_words is None else f"{self.known_words:.0%} of its words are in the text, "
        return f"{share}the longest passage copied from it has {self.longest_copy:,} characters"


class SampleMarks(Record):
    """The marked passages of a sample, as half-open ranges of characters [start, end).

    copied   the longest passage that the training text contains; the first one if several are as long
    unknown  the whole words that the training text does not contain
    """

    copied: tuple[int, int]
    unknown: list[tuple[int, int]]


class AllMarks(Record):
    """reports/sample_marks.json: the marks of each row of the sample table, in the same order."""

    data: list[SampleMarks]


class SampleMetrics(Record):
    """metrics/sample.json: the quality of each checkpoint's sample, by updates, and of the best model's."""

    checkpoints: dict[int, SampleQuality]
    best: SampleQuality


class Published(Record):
    """A point of the published curve."""

    update: int
    smooth_loss: float


class ReportFigures(Record):
    """The result of a public report of the assignment."""

    year: int
    update: int
    smooth_loss: float
    repository: str


class EditionFigures(Record):
    """An edition of the assignment: its recipe by dotted names, and the results of the lecturer and of others."""

    params: dict[str, Any]
    lecturer: dict[int, float]
    reports: list[ReportFigures]


class PublishedFigures(Record, extra="ignore"):
    """data/dd2424_report.yaml: the published figures that a picture or a table shows.

    drawn_beside  SHA-256 of the texts whose curve may be drawn together with the published one
    novel         characters and K of the text on which all published networks were trained
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
        """Return the name of the text, without the remark in parentheses."""
        return self.text.partition(" (")[0]


STATISTICS = ("loss", "gradient_norm", "clipped_fraction", "saturated_fraction")  # columns of plots/measures.csv
MEASURE = "held_out_bits_per_character"  # the measure of record: the last model's, on all measured characters
# The metrics in TrainMetrics by which settings can be compared; lower is better.
Measure = Literal[
    "held_out_bits_per_character",
    "best_held_out_bits_per_character",
    "lowest_held_out_part_bits_per_character",
    "smooth_loss",
    "best_smooth_loss",
]
MEASURE_OF_PART = "held_out_part_bits_per_character"  # at each checkpoint, on less text: plots/held_out.csv
PASSAGES = 20  # consecutive parts of the held-out text in which settings are compared, too
BEST_MODEL = "best model"
SampleRow = tuple[str, str, int, float]


class SampleTable(Record):
    """reports/sample_table.json, an MLflow table: MLflow's page shows the texts of several runs side by side.

    `sample` is "best model" or the updates of a checkpoint: MLflow aligns the rows of several runs by this column.
    """

    columns: tuple[str, ...] = ("sample", "text", "update", "smooth_loss")
    data: list[SampleRow]
