"""The schemas of our JSON files: stages write each file from its record, and readers validate it by the same record."""

from enum import StrEnum
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

MatrixRow = TypeVar("MatrixRow")


class Schema(BaseModel):
    """The base of all records: frozen. Unknown keys, missing keys, wrong types, NaN and infinity are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Levels(Schema):
    """The costs of a text with models that only count n-grams in this same text.

    The unit is in the name of the field of TextMetrics. `uniform` is the cost with a uniform guess among K characters.
    """

    uniform: float
    unigram: float
    bigram: float
    trigram: float


class TextMetrics(Schema):
    """metrics/prepare.json: figures about the text.

    characters                  length of the text: the training part and the held-out part
    K                           number of distinct characters
    sha256                      SHA-256 of the text's file
    characters_that_occur_once  number of distinct characters that occur once
    characters_counted          number of characters, from the start of the text, in which n-grams were counted
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


class MatrixAgreement(Schema):
    """The gradient check of one matrix from one initial state.

    entries          number of entries compared
    entries_zero     number of compared entries whose analytic and numeric gradient are both 0
    agreeing_digits  number of decimal digits that agree in all compared entries
    """

    entries: int
    entries_zero: int
    agreeing_digits: int


class MatrixErrors(Schema):
    """The errors of the gradient of one matrix from one initial state.

    The fields up to `numeric` describe the entry with the largest relative error, where the kernel's gradient
    (analytic) is compared with the complex step (numeric). The next two are numbers of entries: compared, and with both
    gradients 0. report_relative_error is the largest relative error by central differences, the report's method.
    """

    max_relative_error: float
    worst_entry: list[int]
    analytic: float
    numeric: float
    entries: int
    entries_zero: int
    report_relative_error: float


class Matrices(Schema, Generic[MatrixRow], extra="ignore"):
    """A record of the type MatrixRow for each matrix of the network: see network/rnn.py. Other keys are ignored."""

    W: MatrixRow
    U: MatrixRow
    V: MatrixRow
    b: MatrixRow
    c: MatrixRow


class GradcheckErrors(Schema):
    """reports/gradcheck.json: measured errors, computed with the kernel's arithmetic.

    state_error    largest error of the kernel's hidden states: a state is compared with the state that the equation
                   gives for its predecessor
    zero, carried  errors from a zero initial state, and from the state after reading the batch from zero
    """

    state_error: float
    zero: Matrices[MatrixErrors]
    carried: Matrices[MatrixErrors]


class GradcheckMetrics(Schema):
    """metrics/gradcheck.json: whether the check passed, its tolerance, and the agreement for each initial state.

    The initial states are those of GradcheckErrors: zero, and the state after reading the batch from zero.
    """

    passed: bool
    tolerance: float
    zero: Matrices[MatrixAgreement]
    carried: Matrices[MatrixAgreement]


class TrainMetrics(Schema):
    """metrics/train.json: smooth losses in nats per sequence, held-out costs in bits per character.

    held_out_bits_per_character is the cost with the last model, the main measure. best_held_out_bits_per_character is
    that of the best model, which has the lowest smooth loss. Both are measured on the first held_out_characters_read
    characters of the held-out text. lowest_held_out_part_bits_per_character is the lowest point of plots/held_out.csv,
    whose points are measured on fewer characters. A held-out cost is None if too little text is held out;
    first_update_below_target is None if the smooth loss never went below the target. A metric that a later version adds
    has the default None, so that existing files stay readable.
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


class ResultsRecord(Schema):
    """metrics/results.json: the hash of a training's weights and trace (see results_hash).

    network  with the backend `numpy`, a digest of what network/ computes on this machine; otherwise "", which the file
             leaves out. Trainings with different digests may have different results
    """

    results: str
    network: str = ""


class SampleQuality(Schema):
    """Quality of one sample, compared with the training text.

    known_words   the share, in [0, 1], of the sample's whole words that the training text contains; None without words
    longest_copy  the length, in characters, of the sample's longest passage that the training text contains
    """

    known_words: float | None
    longest_copy: int

    def __str__(self) -> str:
        """Return the sample's quality as a sentence."""
        share = "" if self.known_words is None else f"{self.known_words:.0%} of its words are in the text, "
        source = "it" if share else "the text"
        return f"{share}the longest passage copied from {source} has {self.longest_copy:,} characters"


class SampleMarks(Schema):
    """The passages of a sample that a page marks, as half-open ranges of characters [start, end).

    copied   the longest passage that the training text contains; the first one of several with equal length
    unknown  the whole words that the training text does not contain
    """

    copied: tuple[int, int]
    unknown: list[tuple[int, int]]


class AllMarks(Schema):
    """reports/sample_marks.json: the marks of each row of SampleTable, in the same order."""

    data: list[SampleMarks]


class SampleMetrics(Schema):
    """metrics/sample.json: the quality of the samples.

    checkpoints  quality of each checkpoint's sample, by the checkpoint's number of updates
    best         quality of the best model's sample
    """

    checkpoints: dict[int, SampleQuality]
    best: SampleQuality


STATISTICS = ("loss", "gradient_norm", "clipped_fraction", "saturated_fraction")  # columns of plots/measures.csv
BITS, NATS = "bits per character", "nats per sequence"  # units


Better = Literal["lower", "higher"]


class Measure(StrEnum):
    """A metric in TrainMetrics by which settings can be compared. The value is the metric's name.

    words        what is measured, for readers of a page
    unit         the unit; a measure in NATS compares only settings whose updates read the same number of characters
    better       which values are better
    least        a difference that does not matter, for a new question
    of_held_out  whether the metric is None without held-out text
    """

    words: str
    unit: str
    better: Better
    least: float
    of_held_out: bool

    def __new__(
        cls, name: str, words: str, unit: str, better: Better, least: float, of_held_out: bool = True
    ) -> "Measure":  # fmt: skip
        """Return the measure as a text, its name, with the other values as attributes."""
        measure = str.__new__(cls, name)
        measure._value_, measure.words, measure.unit, measure.better = name, words, unit, better
        measure.least, measure.of_held_out = least, of_held_out
        return measure

    HELD_OUT = "held_out_bits_per_character", "the cost of held-out text with the last model", BITS, "lower", 0.01
    BEST_HELD_OUT = (
        "best_held_out_bits_per_character", "the cost of held-out text with the best model", BITS, "lower",
        0.01,
    )  # fmt: skip
    LOWEST_HELD_OUT = (
        "lowest_held_out_part_bits_per_character", "the lowest cost of a part of the held-out text in training",
        BITS, "lower", 0.01,
    )  # fmt: skip
    SMOOTH_LOSS = "smooth_loss", "the smooth loss on training text", NATS, "lower", 0.01, False
    BEST_SMOOTH_LOSS = "best_smooth_loss", "the lowest smooth loss on training text", NATS, "lower", 0.01, False

    @classmethod
    def from_name(cls, name: str) -> "Measure | None":
        """Return the measure with this name; None if there is none."""
        return next((measure for measure in cls if measure == name), None)

    @property
    def about(self) -> str:
        """Return the measure in words, with its unit."""
        return f"{self.words}, in {self.unit}"


DEFAULT_MEASURE = "held_out_bits_per_character"  # the measure of record: the last model's, on all measured characters
PART_MEASURE = "held_out_part_bits_per_character"  # at each checkpoint, on less text: plots/held_out.csv
PASSAGES = 20  # consecutive parts of the held-out text in which settings are compared, too
BEST_MODEL = "best model"
SampleRow = tuple[str, str, int, float]


class SampleTable(Schema):
    """reports/sample_table.json, an MLflow table: MLflow's page shows the texts of several runs side by side.

    A row has the columns `columns`. The column `sample` is "best model" or a checkpoint's number, such as "1,000
    updates": MLflow aligns the rows of several runs by it.
    """

    columns: tuple[str, ...] = ("sample", "text", "update", "smooth_loss")
    data: list[SampleRow]
