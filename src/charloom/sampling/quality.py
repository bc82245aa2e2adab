"""What samples are like: are their words words, and are they copies?"""

import re

import numpy as np

from charloom.base.progress import progress
from charloom.kernel.passages import Passages
from charloom.results.records import SampleQuality
from charloom.text.corpus import Text

WORD = re.compile(r"[^\W\d_]+")  # a run of letters
PIECE = 2**20  # characters of the text that are read at a time


def qualities(samples: list[str], text: Text) -> list[SampleQuality]:
    """Return of each sample, in the text's vocabulary, what it is like beside the training part of the text.

    The text is read once, for all of them.
    """
    vocabulary, ids = text.vocabulary, text.training
    words = {sample: _words(sample) for sample in samples}
    sought = sorted({word for each in words.values() for word in each})
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
    longest, is_known = passages.found()
    known = dict(zip(sought, is_known, strict=True))
    return [
        SampleQuality(
            known_words=sum(known[word] for word in words[sample]) / len(words[sample]) if words[sample] else None,
            longest_copy=copy,
        )
        for sample, copy in zip(samples, longest, strict=True)
    ]


def _words(sample: str) -> list[str]:
    """Return its whole words. One at an end may be cut off: where it begins or ends nobody knows."""
    return [each[0] for each in WORD.finditer(sample) if each.start() > 0 and each.end() < len(sample)]
