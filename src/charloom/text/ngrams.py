"""What counting alone can predict: the entropy of n-grams."""

import math
from collections.abc import Iterable

import numpy as np

from charloom.base.types import Array
from charloom.results.records import Levels


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
