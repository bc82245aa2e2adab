"""The text grows up: what the network writes along training, beside the losses that the report printed; and its best.

What is known of a sample is marked in it: words that do not exist, and its longest passage that is a copy.
"""

from itertools import pairwise
from typing import NamedTuple

from charloom.pages.along_updates import ROWS
from charloom.pages.experiment.experiment_files import Results
from charloom.pages.sections import Section, Table
from charloom.results.records import SampleMarks, SampleQuality

LONGEST = 600  # characters of a sample that are shown
BEST = 5000  # of the best model's
MOST = 11  # samples: the report has as many
HEADS = ("updates", "smooth loss", "published", "words that the text has", "longest copy, characters")


class Piece(NamedTuple):
    """A part of a sample: whether it is in the copied passage, and in a word that the text has not."""

    text: str
    copied: bool
    unknown: bool


class Sample(NamedTuple):
    """A sample; `published` is the report's smooth loss there, `length` that of all of it."""

    update: int
    loss: float
    published: float | None
    quality: SampleQuality
    pieces: list[Piece]
    length: int


def section(results: Results) -> Section:
    """Return the section."""
    *rows, _ = zip(results.samples.data, results.marks.data, strict=True)  # the best model's is not one of these
    published, quality = results.published_curve, results.quality.checkpoints
    table = []
    for (_, _, update, loss), _ in rows[:: -(-len(rows) // ROWS)]:
        beside = f"{published[update]:.2f}" if update in published else ""
        words = quality[update].known_words
        known = "" if words is None else f"{words:.0%}"
        table.append((f"{update:,}", f"{loss:.2f}", beside, known, f"{quality[update].longest_copy:,}"))
    last, places = len(rows) - 1, range(min(len(rows), MOST))
    it = {
        "samples": [
            Sample(update, loss, published.get(update), quality[update], pieces(text, marks, LONGEST), len(text))
            for (_, text, update, loss), marks in (rows[round(n * last / max(places[-1], 1))] for n in places)
        ],
        "longest": LONGEST,
        "all": len(rows),
        "table": Table(HEADS, table),
    }
    return Section("samples", "The text grows up", it)


def best_passage(results: Results) -> Section:
    """Return a passage of the model at the lowest smooth loss, with where in training and text it comes from."""
    train, (_, text, update, loss) = results.train, results.samples.data[-1]
    params, characters = results.params, len(results.corpus.training)
    place = params.recipe.places(update, 1, characters, params.seed)[0][0, -1]
    it = {
        "sample": Sample(
            update, loss, None, results.quality.best, pieces(text, results.marks.data[-1], BEST), len(text)
        ),
        "epoch": update // train.updates_per_epoch + 1,
        "character": int(place),
        "longest": BEST,
    }
    return Section("best-passage", "What it writes at the lowest loss", it)


def pieces(text: str, marks: SampleMarks, most: int) -> list[Piece]:
    """Return the first so many characters of the text, cut where a mark begins or ends."""
    end = min(len(text), most)
    cuts = {0, end, *(cut for span in (marks.copied, *marks.unknown) for cut in span if cut < end)}
    begins, ends = {start for start, _ in marks.unknown}, {stop for _, stop in marks.unknown}
    found, unknown = [], False
    for start, stop in pairwise(sorted(cuts)):
        unknown = start in begins or (unknown and start not in ends)
        found.append(Piece(text[start:stop], marks.copied[0] <= start < marks.copied[1], unknown))
    return found
