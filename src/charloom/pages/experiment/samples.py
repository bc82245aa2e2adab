"""Two sections with texts that the network wrote: samples along training, and a passage by the best model.

Marks in a sample show words that the training text lacks, and the longest passage copied from the training text.
"""

from itertools import pairwise
from typing import NamedTuple

from charloom.core.config.records import SampleMarks, SampleQuality
from charloom.pages.along_updates import by_update
from charloom.pages.experiment.experiment_files import Results
from charloom.pages.sections import PageSection

LONGEST = 600  # most characters of a sample that are shown
BEST = 5000  # most characters of the best model's passage that are shown
SAMPLES = 11  # most samples that are shown, as many as in the report


class Piece(NamedTuple):
    """A part of a sample, with whether it belongs to the copied passage, and to a word that the training text lacks."""

    text: str
    copied: bool
    unknown: bool


class ShownSample(NamedTuple):
    """A text that the network wrote at an update of the training.

    update, loss  number of updates before the sample, and smooth loss after them, in nats per sequence
    quality       measures of the text, compared with the training text
    pieces        the shown part of the text, split where a mark begins or ends
    length        number of characters of the whole text
    """

    update: int
    loss: float
    quality: SampleQuality
    pieces: list[Piece]
    length: int


def section(results: Results) -> PageSection:
    """Return the section with at most SAMPLES of the checkpoints' samples, and a table with measures of all samples."""
    *rows, _ = zip(results.samples.data, results.marks.data, strict=True)  # the last row is the best model's
    quality = results.quality.checkpoints
    words = {at: f"{measures.known_words:.0%}" for at, measures in quality.items() if measures.known_words is not None}
    columns = [
        ("smooth loss", {update: f"{loss:.2f}" for (_, _, update, loss), _ in rows}),
        ("words that the training text has", words),
        ("longest copy, characters", {update: f"{measures.longest_copy:,}" for update, measures in quality.items()}),
    ]
    last, places = len(rows) - 1, range(min(len(rows), SAMPLES))
    samples = [
        ShownSample(update, loss, quality[update], pieces(text, marks, LONGEST), len(text))
        for (_, text, update, loss), marks in (rows[round(n * last / max(places[-1], 1))] for n in places)
    ]
    it = {"samples": samples, "longest": LONGEST, "all": len(rows), "words": words, "table": by_update(columns)}
    return PageSection("samples", "The text grows up", it)


def best_passage(results: Results) -> PageSection:
    """Return the section with a passage by the best model, and the epoch and the character at which it was saved."""
    train, params, (_, text, update, loss) = results.train, results.params, results.samples.data[-1]
    place = params.recipe.places(update, 1, len(results.corpus.training), params.seed)[0][0, -1]
    sample = ShownSample(update, loss, results.quality.best, pieces(text, results.marks.data[-1], BEST), len(text))
    epoch = update // train.updates_per_epoch + 1
    it = {"sample": sample, "epoch": epoch, "character": int(place), "longest": BEST}
    return PageSection("best-passage", "What it writes at the lowest loss", it)


def pieces(text: str, marks: SampleMarks, most: int) -> list[Piece]:
    """Return the first `most` characters of the text in pieces, split where a mark begins or ends.

    marks  the copied passage and the unknown words, as ranges of the text
    """
    end = min(len(text), most)
    cuts = {0, end, *(cut for span in (marks.copied, *marks.unknown) for cut in span if cut < end)}
    begins, ends = {start for start, _ in marks.unknown}, {stop for _, stop in marks.unknown}
    parts, unknown = [], False
    for start, stop in pairwise(sorted(cuts)):
        unknown = start in begins or (unknown and start not in ends)
        parts.append(Piece(text[start:stop], marks.copied[0] <= start < marks.copied[1], unknown))
    return parts
