"""Figures of a text, and what counting alone can predict: the entropy of n-grams."""

import math
from collections.abc import Iterable

import numpy as np

from charloom.base.logarithm import LN2, log
from charloom.base.types import Array, Numbers
from charloom.results.records import Levels, TextMetrics
from charloom.text.corpus import Text

DENSE = 2**23  # trigrams that could occur, up to which each has a place in memory: K up to 203
MOST = 5_000_000  # characters, counted where more could occur
PART = 2**18  # characters at a time: what is made of them stays in the second-level cache


def text_metrics(text: Text, sha256: str, once: str, seq_length: int) -> TextMetrics:
    """Return the figures of the text; `once` are the characters that occur once in it."""
    K = len(text.vocabulary)
    counted = len(text.training) if K**3 <= DENSE else min(len(text.training), MOST)
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
    """Return the values by name, rounded to six decimals."""
    rounded = (round(value, 6) for value in values)
    return Levels(**dict(zip(Levels.model_fields, rounded, strict=True)))


def entropies(ids: Numbers, count: int, K: int) -> list[float]:
    """Return the entropy, in nats, of the first `count` characters: of a uniform guess, and by n-grams up to 3.

    That of n-grams is in-sample, of a character given the n − 1 before it: (Σ C log C − Σ c log c) / N over the counts
    c of the N n-grams and C of their contexts. Optimistic for large n: a context that occurs once predicts its only
    successor for certain.
    """
    codes, counts = trigrams(ids, count, K)
    levels = []
    for n in (3, 2, 1):
        contexts, sums = _added(codes // K, counts)
        total = int(counts.sum())
        levels.append((_weighted(sums) - _weighted(counts)) / total if total else 0.0)
        if count >= n - 1 > 0:  # the last (n − 1)-gram is no context: nothing follows it
            last = _codes(ids[count - n + 1 : count], n - 1, K)
            codes, counts = _added(np.append(contexts, last), np.append(sums, 1))
    return [log(K), *reversed(levels)]


def trigrams(ids: Numbers, count: int, K: int) -> tuple[Array, Array]:
    """Return the trigrams that occur in the first `count` characters, sorted, and how often each does.

    A trigram's code is (x K + y) K + z, of its ids.
    """
    if K**3 > DENSE:
        return np.unique(_codes(ids[:count], 3, K), return_counts=True)
    counts = np.zeros(K**3, np.int64)
    for start in range(0, count, PART):
        np.add.at(counts, _codes(ids[start : min(start + PART + 2, count)], 3, K), 1)
    codes = np.flatnonzero(counts)
    return codes, counts[codes]


def _codes(ids: Array, n: int, K: int) -> Array:
    """Return the codes of the n-grams of ids."""
    total = max(len(ids) - n + 1, 0)
    codes = np.zeros(total, np.int64)
    for i in range(n):
        codes *= K
        codes += ids[i : i + total]
    return codes


def _added(codes: Array, counts: Array) -> tuple[Array, Array]:
    """Return each code once, sorted, with the sum of its counts."""
    each, place = np.unique(codes, return_inverse=True)
    sums = np.zeros(len(each), np.int64)
    np.add.at(sums, place, counts)
    return each, sums


def _weighted(counts: Array) -> float:
    """Return Σ c log c."""
    values, times = np.unique(counts, return_counts=True)
    return math.fsum(n * c * log(c) for c, n in zip(values.tolist(), times.tolist(), strict=True))
