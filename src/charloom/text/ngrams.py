"""Figures of a text, and what counting alone can predict: the entropy of n-grams."""

import math
from collections.abc import Iterable

import numpy as np

from charloom.base.types import Array
from charloom.results.records import Levels, TextMetrics
from charloom.text.corpus import Text


def text_metrics(text: Text, sha256: str, once: str, seq_length: int) -> TextMetrics:
    """Return the figures of the text; `once` are the characters that occur once in it."""
    entropy = entropies(text.training, len(text.vocabulary))
    return TextMetrics(
        characters=len(text),
        training_characters=len(text.training),
        held_out_characters=len(text.held_out),
        K=len(text.vocabulary),
        sha256=sha256,
        characters_that_occur_once=len(once),
        nats_per_sequence=as_levels(nats * seq_length for nats in entropy),
        bits_per_character=as_levels(nats / math.log(2) for nats in entropy),
    )


def entropies(ids: Array, K: int) -> list[float]:
    """Return the entropy, in nats, of a character by a uniform guess and in-sample by n-grams up to 3."""
    return [math.log(K), *(conditional_entropy(ids, K, n) for n in (1, 2, 3))]


def as_levels(values: Iterable[float]) -> Levels:
    """Return them by name, rounded far above the last bits, in which processors' logarithms differ."""
    rounded = (round(value, 6) for value in values)
    return Levels(**dict(zip(Levels.model_fields, rounded, strict=True)))


def conditional_entropy(ids: Array, K: int, n: int) -> float:
    """Return the in-sample entropy, in nats, of a character given the n − 1 before it: an n-gram's best loss.

    (Σ C log C − Σ c log c) / N over the counts c of the N n-grams and C of their contexts. Optimistic for
    large n: a context that occurs once predicts its only successor for certain.
    """
    total = len(ids) - n + 1
    if total < 1:
        return 0.0
    grams = np.zeros(total, np.int64)
    for i in range(n):
        grams = grams * K + ids[i : i + total]
    weighted = []
    for codes in (grams // K, grams):
        counts = np.unique(codes, return_counts=True)[1]
        weighted.append(float((counts * np.log(counts)).sum()))
    return (weighted[0] - weighted[1]) / total
