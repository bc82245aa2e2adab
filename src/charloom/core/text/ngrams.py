"""Statistics of a text: the number of characters, and the entropy of n-grams.

The entropy is the cost of the text under a model that only counts n-grams: a baseline for trained models.
"""

import math
from collections.abc import Iterable

import numpy as np

from charloom.core.base.types import Array
from charloom.core.config.records import Levels, TextMetrics
from charloom.core.network.logarithm import LN2, log
from charloom.core.text.corpus import Text

DENSE = 2**23  # K³, the possible trigrams, up to which a dense array counts them: K up to 203
SPARSE_LIMIT = 5_000_000  # characters counted, at most, for a larger K
PART = 2**18  # characters counted at a time: the arrays computed from them fit the second-level cache


def text_metrics(text: Text, sha256: str, once: str, seq_length: int) -> TextMetrics:
    """Return the statistics of the text. N-grams are counted in the training part only.

    sha256      SHA-256 of the text file
    once        the characters that occur once in the whole text
    seq_length  characters of a sequence, for the entropies in nats per sequence

    If K³ is above DENSE, at most SPARSE_LIMIT characters are counted.
    """
    K = len(text.vocabulary)
    counted = len(text.training) if K**3 <= DENSE else min(len(text.training), SPARSE_LIMIT)
    entropy = entropies(text.training, counted, K)
    return TextMetrics(
        characters=len(text),
        training_characters=len(text.training),
        held_out_characters=len(text.held_out),
        K=K,
        sha256=sha256,
        characters_that_occur_once=len(once),
        characters_counted=counted,
        nats_per_sequence=as_levels(nats * seq_length for nats in entropy),
        bits_per_character=as_levels(nats / LN2 for nats in entropy),
    )


def as_levels(values: Iterable[float]) -> Levels:
    """Return four costs, uniform to trigram, as Levels (see config/records.py), rounded to six decimals."""
    rounded = (round(value, 6) for value in values)
    return Levels(**dict(zip(Levels.model_fields, rounded, strict=True)))


def entropies(ids: Array, count: int, K: int, dense: int = DENSE, part: int = PART) -> list[float]:
    """Return [log K, H_1, H_2, H_3]: entropies, in nats per character, of the first `count` ids of K characters.

    H_n is the in-sample conditional entropy of a character given the n − 1 characters before it. It is
    (Σ C log C − Σ c log c) / N, with c the counts of the N n-grams and C the counts of their contexts; 0 if N is 0.
    H_n is optimistic for large n: a context that occurs once predicts its only successor with certainty.
    """
    codes, counts = trigrams(ids, count, K, dense, part)
    levels = []
    for n in (3, 2, 1):
        contexts, sums = _added(codes // K, counts)
        total = int(counts.sum())
        levels.append((_weighted(sums) - _weighted(counts)) / total if total else 0.0)
        if count >= n - 1 > 0:  # the text's last (n − 1)-gram has no successor, so it is missing in `contexts`
            last = _codes(ids[count - n + 1 : count], n - 1, K)
            codes, counts = _added(np.append(contexts, last), np.append(sums, 1))
    return [log(K), *reversed(levels)]


def trigrams(ids: Array, count: int, K: int, dense: int = DENSE, part: int = PART) -> tuple[Array, Array]:
    """Return the codes of the distinct trigrams in the first `count` ids, sorted, and the count of each.

    The code of a trigram with ids x, y, z is (x K + y) K + z. If K³ is at most `dense`, a dense array with an
    entry for each code counts the trigrams, `part` characters at a time.
    """
    if dense < K**3:
        return np.unique(_codes(ids[:count], 3, K), return_counts=True)
    counts = np.zeros(K**3, np.int64)
    for start in range(0, count, part):
        np.add.at(counts, _codes(ids[start : min(start + part + 2, count)], 3, K), 1)
    codes = np.flatnonzero(counts)
    return codes, counts[codes]


def _codes(ids: Array, n: int, K: int) -> Array:
    """Return the codes (len(ids) − n + 1,) of all n-grams of the ids, in the order of the text: see `trigrams`."""
    total = max(len(ids) - n + 1, 0)
    codes = np.zeros(total, np.int64)
    for i in range(n):
        codes *= K
        codes += ids[i : i + total]
    return codes


def _added(codes: Array, counts: Array) -> tuple[Array, Array]:
    """Return the distinct codes, sorted, and for each of them the sum of its counts; codes and counts are (n,)."""
    distinct, place = np.unique(codes, return_inverse=True)
    sums = np.zeros(len(distinct), np.int64)
    np.add.at(sums, place, counts)
    return distinct, sums


def _weighted(counts: Array) -> float:
    """Return Σ c log c over the counts c; the logarithm of equal counts is computed once."""
    values, times = np.unique(counts, return_counts=True)
    return math.fsum(n * c * log(c) for c, n in zip(values.tolist(), times.tolist(), strict=True))
