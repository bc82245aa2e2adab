"""The text grows up: what the network writes along training, beside the losses that the report printed."""

from typing import NamedTuple

from charloom.pages.experiment.curves import ROWS
from charloom.pages.experiment.marked import Piece, pieces
from charloom.pages.experiment.results import Results
from charloom.pages.figures import published_curve
from charloom.pages.page import Section, Table
from charloom.results.records import SampleQuality

LONGEST = 600  # characters of a sample that are shown
MOST = 11  # samples: the report has as many


class Sample(NamedTuple):
    """A sample that is shown; `length` is that of all of it."""

    update: int
    loss: float
    published: float | None
    quality: SampleQuality
    pieces: list[Piece]
    length: int


def section(results: Results) -> Section:
    """Return the section."""
    published = published_curve(results.published, results.text, results.params.seq_length)
    *rows, _ = zip(results.samples.data, results.marks.data, strict=True)  # the best model's is not one of these
    listed = {update for (_, _, update, _), _ in rows[:: -(-len(rows) // ROWS)]}
    qualities = [results.quality.checkpoints[update] for (_, _, update, _), _ in rows]
    table = [
        (
            f"{update:,}", f"{loss:.2f}", f"{published[update]:.2f}" if update in published else "",
            "" if each.known_words is None else f"{each.known_words:.0%}", f"{each.longest_copy:,}",
        )
        for ((_, _, update, loss), _), each in zip(rows, qualities, strict=True)
        if update in listed
    ]  # fmt: skip
    last, places = len(rows) - 1, range(min(len(rows), MOST))
    shown = [(rows[i], qualities[i]) for i in (round(n * last / max(places[-1], 1)) for n in places)]
    it = {
        "samples": [
            Sample(update, loss, published.get(update), quality, pieces(text, marks, LONGEST), len(text))
            for ((_, text, update, loss), marks), quality in shown
        ],
        "longest": LONGEST,
        "all": len(rows),
        "table": Table(
            ("updates", "smooth loss", "published", "words that the text has", "longest copy, characters"), table
        ),
    }
    return Section("samples", "The text grows up", it)
