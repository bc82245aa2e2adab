"""The schemas of the JSON files in metrics/ and reports/: one class for each file, used for writing and for reading."""

from enum import StrEnum
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

MatrixRow = TypeVar("MatrixRow")


class Schema(BaseModel):
    """The base class of the schemas: frozen. It refuses unknown and missing keys, wrong types, NaN and infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Levels(Schema):
    """The mean costs of a text under n-gram models, whose probabilities are the frequencies in this same text.

    The name of the field in TextMetrics is the unit. `uniform` is the cost of a uniform guess among K characters.
    """

    uniform: float
    unigram: float
    bigram: float
    trigram: float


class TextMetrics(Schema):
    """The content of metrics/prepare.json: figures about the text.

    characters                  length of the whole text: the training part and the held-out part
    K                           number of distinct characters
    sha256                      SHA-256 of the text's file
    characters_that_occur_once  number of distinct characters that occur once
    characters_counted          number of characters, from the start of the text, in which n-grams were counted
    nats_per_sequence, bits_per_character  the costs under n-gram models, in both units
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
    """The agreement of the analytic and the numeric gradient of one matrix, from one initial hidden state.

    entries          number of entries compared
    entries_zero     number of compared entries whose analytic and numeric gradient are both 0
    agreeing_digits  number of decimal digits that agree in all compared entries
    """

    entries: int
    entries_zero: int
    agreeing_digits: int


class MatrixErrors(Schema):
    """The errors of the analytic gradient of one matrix, from one initial hidden state.

    max_relative_error     the largest relative error of an entry, compared with the complex step
    worst_entry            the indices of the entry with this error
    analytic, numeric      the two gradients of this entry: by backpropagation, and by the complex step
    entries, entries_zero  number of compared entries, and number of compared entries whose gradients are both 0
    report_relative_error  the largest relative error, compared with central differences (the course report's method)
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
    """The content of reports/gradcheck.json: the measured errors.

    state_error    largest |h_t − tanh(W h_{t−1} + U x_t + b)| of the kernel's hidden states h_t; 0 with the backend
                   `numpy`
    zero, carried  errors of the gradients with two initial hidden states: zeros, and the state after the network has
                   read the batch once from zeros
    """

    state_error: float
    zero: Matrices[MatrixErrors]
    carried: Matrices[MatrixErrors]


class GradcheckMetrics(Schema):
    """The content of metrics/gradcheck.json: the result of the gradient check.

    passed         whether the check passed
    tolerance      the largest allowed relative error
    zero, carried  the agreement with the two initial hidden states of GradcheckErrors
    """

    passed: bool
    tolerance: float
    zero: Matrices[MatrixAgreement]
    carried: Matrices[MatrixAgreement]


class TrainMetrics(Schema):
    """The content of metrics/train.json: smooth losses in nats per sequence, held-out costs in bits per character.

    held_out_bits_per_character is the cost under the last model, the main measure. best_held_out_bits_per_character is
    the cost under the best model, which has the lowest smooth loss. Both costs are measured on the first
    held_out_characters_read characters of the held-out text. lowest_held_out_part_bits_per_character is the lowest
    point of plots/held_out.csv, whose points are measured on fewer characters. A held-out cost is None if too little
    text is held out. first_update_below_target is None if the smooth loss never was below train.target_smooth_loss. A
    metric that a later version adds must have the default None, so that existing files stay readable.
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
    """The content of metrics/results.json: hashes of a training.

    results  the SHA-256 of the weights and of the recorded losses and statistics: see trace.results_hash
    network  with the backend `numpy`, a digest of results of the code in core/network on this machine (see
             by_numpy.network_digest): if it differs, results may differ; otherwise "", which is not written
    """

    results: str
    network: str = ""


class SampleQuality(Schema):
    """The quality of one sample, a text that a model wrote: how much of it is in the training text.

    known_words   the share, in [0, 1], of the sample's whole words that the training text contains; None without words
    longest_copy  the length, in characters, of the sample's longest passage that the training text contains
    """

    known_words: float | None
    longest_copy: int

    def __str__(self) -> str:
        """Return the quality in words, such as `90% of its words are in the text, the longest passage … has 20 …`."""
        share = "" if self.known_words is None else f"{self.known_words:.0%} of its words are in the text, "
        source = "it" if share else "the text"
        return f"{share}the longest passage copied from {source} has {self.longest_copy:,} characters"


class SampleMarks(Schema):
    """The parts of a sample that the experiment's page marks, as ranges [start, end) of character positions.

    copied   the longest passage that the training text contains; the first one of several with equal length
    unknown  the whole words that the training text does not contain
    """

    copied: tuple[int, int]
    unknown: list[tuple[int, int]]


class AllMarks(Schema):
    """The content of reports/sample_marks.json: what the page marks in each row of SampleTable, in the same order."""

    data: list[SampleMarks]


class SampleMetrics(Schema):
    """The content of metrics/sample.json: the quality of the samples.

    checkpoints  {number of updates: quality of the sample} for the checkpoints
    best         quality of the best model's sample
    """

    checkpoints: dict[int, SampleQuality]
    best: SampleQuality


STATISTICS = ("loss", "gradient_norm", "clipped_fraction", "saturated_fraction")  # columns of plots/measures.csv
BITS, NATS = "bits per character", "nats per sequence"  # units


Better = Literal["lower", "higher"]


class Measure(StrEnum):
    """A metric in TrainMetrics by which a study can compare settings. The value is the metric's name.

    words   a description of the metric, for readers of a page
    unit    the unit; a measure in NATS compares only settings whose updates read the same number of characters, and one
            in another unit is None without held-out text
    better  whether lower or higher values are better
    """

    words: str
    unit: str
    better: Better

    def __new__(cls, name: str, words: str, unit: str = BITS, better: Better = "lower") -> "Measure":
        """Return the measure: a str, which is its name, with the other arguments as attributes."""
        measure = str.__new__(cls, name)
        measure._value_, measure.words, measure.unit, measure.better = name, words, unit, better
        return measure

    HELD_OUT = "held_out_bits_per_character", "the cost of held-out text with the last model"
    BEST_HELD_OUT = "best_held_out_bits_per_character", "the cost of held-out text with the best model"
    LOWEST_HELD_OUT = (
        "lowest_held_out_part_bits_per_character", "the lowest cost of a part of the held-out text in training",
    )  # fmt: skip
    SMOOTH_LOSS = "smooth_loss", "the smooth loss on training text", NATS
    BEST_SMOOTH_LOSS = "best_smooth_loss", "the lowest smooth loss on training text", NATS

    @classmethod
    def from_name(cls, name: str) -> "Measure | None":
        """Return the measure with this name, or None if no measure has it."""
        return next((measure for measure in cls if measure == name), None)

    @property
    def about(self) -> str:
        """Return the description of the measure, with its unit."""
        return f"{self.words}, in {self.unit}"


DEFAULT_MEASURE = "held_out_bits_per_character"  # the measure of record: the last model's, on all measured characters
PART_MEASURE = "held_out_part_bits_per_character"  # at each checkpoint, on less text: plots/held_out.csv
PASSAGES = 20  # consecutive parts of the held-out text in which settings are compared, too
BEST_MODEL = "best model"
SampleRow = tuple[str, str, int, float]


class SampleTable(Schema):
    """The content of reports/sample_table.json, an MLflow table: MLflow shows the texts of several runs side by side.

    Each row of `data` has the columns `columns`. The column `sample` is "best model", or a checkpoint's number such as
    "1,000 updates". MLflow aligns the rows of several runs by this column.
    """

    columns: tuple[str, ...] = ("sample", "text", "update", "smooth_loss")
    data: list[SampleRow]
