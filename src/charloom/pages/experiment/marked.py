"""A sample with what is known of it marked: words that do not exist, and its longest passage that is a copy."""

from itertools import pairwise
from typing import NamedTuple

from charloom.results.records import SampleMarks


class Piece(NamedTuple):
    """A part of a sample: whether it is in the copied passage, and in a word that the text has not."""

    text: str
    copied: bool
    unknown: bool


def pieces(text: str, marks: SampleMarks, most: int) -> list[Piece]:
    """Return the first so many characters of the text, cut where a mark begins or ends."""
    spans = [marks.copied, *marks.unknown]
    cuts = sorted({0, min(len(text), most), *(cut for span in spans for cut in span if cut < min(len(text), most))})

    def within(start: int, each: tuple[int, int]) -> bool:
        return each[0] <= start < each[1]

    unknown = iter([*marks.unknown, (len(text), len(text))])
    word, found = next(unknown), []
    for start, end in pairwise(cuts):
        while word[1] <= start < len(text):
            word = next(unknown)
        found.append(Piece(text[start:end], within(start, marks.copied), within(start, word)))
    return found
