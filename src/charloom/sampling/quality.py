"""The quality of samples: how many of their words occur in the text, and how long their longest copied passage is."""

import re

import numpy as np

from charloom.core.base.progress import progress
from charloom.core.config.records import SampleMarks, SampleQuality
from charloom.core.text.corpus import Text
from charloom.sampling.passages import Passages

WORD = re.compile(r"[^\W\d_]+")  # a run of letters
SPACED = 30  # most characters for each space or line end of a text that separates its words
PIECE = 2**20  # characters of the text that are read at a time


def qualities(samples: list[str], text: Text, piece: int = PIECE) -> list[tuple[SampleQuality, SampleMarks]]:
    """Compare samples with the training part of the text, in one pass of `piece` ids at a time. Show progress.

    Returns the quality and the marks of each sample: see SampleQuality and SampleMarks. The samples must consist of
    characters of the text's vocabulary. Words are not compared if the text has more than SPACED characters
    for each space or line end, as in Japanese, where a run of letters is no word.
    """
    vocabulary, ids = text.vocabulary, text.training
    spans = {sample: _words(sample) for sample in samples}
    words = sorted({sample[start:end] for sample, word_spans in spans.items() for start, end in word_spans})
    # Symbols: the characters of the samples, one for any other letter, one for any other character.
    inside = vocabulary.encode("".join(sorted(set("".join(samples)))))
    letters = np.array([WORD.match(character) is not None for character in vocabulary.characters])
    symbol_of = len(inside) + letters.astype(np.int32)
    symbol_of[inside] = np.arange(len(inside))
    passages = Passages(
        [symbol_of[vocabulary.encode(sample)] for sample in samples],
        [symbol_of[vocabulary.encode(word)] for word in words],
        np.append(letters[inside], [False, True]),
    )
    is_space = np.array([character.isspace() for character in vocabulary.characters])
    pieces = 1  # between spaces and line ends
    with progress("compare with the text", len(ids)) as report:
        for start in range(0, len(ids), piece):
            passages.read(symbol_of[ids[start : start + piece]])
            pieces += int(np.count_nonzero(is_space[ids[start : start + piece]]))
            report(min(start + piece, len(ids)), "")
    if len(ids) > SPACED * pieces:
        spans = {sample: [] for sample in spans}
    copies, occurred = passages.matches()
    missing = {word for word, occurs in zip(words, occurred, strict=True) if not occurs}
    all_marks = [
        SampleMarks(copied=copy, unknown=[(start, end) for start, end in spans[sample] if sample[start:end] in missing])
        for sample, copy in zip(samples, copies, strict=True)
    ]
    return [(_quality(len(spans[sample]), marks), marks) for sample, marks in zip(samples, all_marks, strict=True)]


def _quality(words: int, marks: SampleMarks) -> SampleQuality:
    """Return the quality of a sample that has these marks (see SampleMarks) and a number of whole words, `words`."""
    start, end = marks.copied
    share = (words - len(marks.unknown)) / words if words else None
    return SampleQuality(known_words=share, longest_copy=end - start)


def _words(sample: str) -> list[tuple[int, int]]:
    """Return the range (start, end) of each word. A word at the sample's start or end is left out, as it may be cut."""
    return [word.span() for word in WORD.finditer(sample) if word.start() > 0 and word.end() < len(sample)]
