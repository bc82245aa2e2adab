"""What samples are like: are their words words, and are they copies?"""

import re

import numpy as np

from charloom.base.progress import progress
from charloom.results.records import SampleMarks, SampleQuality
from charloom.sampling.passages import Passages
from charloom.text.corpus import Text

WORD = re.compile(r"[^\W\d_]+")  # a run of letters
PIECE = 2**20  # characters of the text that are read at a time


def qualities(samples: list[str], text: Text) -> list[tuple[SampleQuality, SampleMarks]]:
    """Return of each sample, in the text's vocabulary, what it is like beside the training part of the text, and where.

    The text is read once, for all of them.
    """
    vocabulary, ids = text.vocabulary, text.training
    spans = {sample: _words(sample) for sample in samples}
    sought = sorted({sample[start:end] for sample, each in spans.items() for start, end in each})
    # The tables hold the characters of the samples alone, and two that stand for all others: a letter, and none.
    inside = vocabulary.encode("".join(sorted(set("".join(samples)))))
    letters = np.array([WORD.match(character) is not None for character in vocabulary.characters])
    symbol_of = len(inside) + letters.astype(np.int32)
    symbol_of[inside] = np.arange(len(inside))
    passages = Passages(
        [symbol_of[vocabulary.encode(sample)] for sample in samples],
        [symbol_of[vocabulary.encode(word)] for word in sought],
        np.append(letters[inside], [False, True]),
    )
    with progress("compare with the text", len(ids)) as report:
        for start in range(0, len(ids), PIECE):
            passages.read(symbol_of[ids[start : start + PIECE]])
            report(min(start + PIECE, len(ids)), "")
    copies, is_known = passages.found()
    known = dict(zip(sought, is_known, strict=True))
    marks = [
        SampleMarks(copied=copy, unknown=[(start, end) for start, end in spans[sample] if not known[sample[start:end]]])
        for sample, copy in zip(samples, copies, strict=True)
    ]
    return [(_quality(len(spans[sample]), each), each) for sample, each in zip(samples, marks, strict=True)]


def _quality(words: int, marks: SampleMarks) -> SampleQuality:
    """Return in figures what is marked in a sample of so many words."""
    start, end = marks.copied
    share = (words - len(marks.unknown)) / words if words else None
    return SampleQuality(known_words=share, longest_copy=end - start)


def _words(sample: str) -> list[tuple[int, int]]:
    """Return where its whole words are. One at an end may be cut off: where it begins or ends nobody knows."""
    return [each.span() for each in WORD.finditer(sample) if each.start() > 0 and each.end() < len(sample)]
