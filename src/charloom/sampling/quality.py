"""What a sample is like: are its words words, and is it a copy?"""

import re
from collections.abc import Callable, Iterable

from charloom.results.records import SampleQuality

WORD = re.compile(r"[^\W\d_]+")  # a run of letters


Along = Callable[[Iterable[int]], Iterable[int]]


def quality_against(text: str, along: Along = iter) -> Callable[[str], SampleQuality]:
    """Return a function that measures a sample of a model that was trained on the text.

    It goes through the sample's characters by `along`, which may tell how far it has come.
    """
    known = set(WORD.findall(text))

    def quality(sample: str) -> SampleQuality:
        # A word at an end may be cut off: where it begins or ends nobody knows.
        words = [each[0] for each in WORD.finditer(sample) if each.start() > 0 and each.end() < len(sample)]
        share = sum(word in known for word in words) / len(words) if words else None
        return SampleQuality(known_words=share, longest_copy=_longest_copy(sample, text, along))

    return quality


def _longest_copy(sample: str, text: str, along: Along) -> int:
    """Return how many characters the longest passage has that stands in both."""
    longest = 0
    for start in along(range(len(sample))):
        while start + longest < len(sample) and sample[start : start + longest + 1] in text:
            longest += 1
    return longest
