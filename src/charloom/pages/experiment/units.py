"""Which hidden unit follows which feature of the text: a rule, not a choice by eye."""

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from charloom.base.types import Array
from charloom.kernel.arrays import product

QUOTED = re.compile(r"“[^“”]*”|«[^«»]*»|「[^「」]*」|\"[^\"\n]*\"")


VARIES = 0.1  # standard deviation of a unit below which nobody would see what it follows


class Unit(NamedTuple):
    """The unit that follows a feature most closely.

    feature      its name
    unit         the number of the unit
    chosen_by    its correlation with the feature where it was chosen
    correlation  the same in the text after that: what the choice is worth
    """

    feature: str
    unit: int
    chosen_by: float
    correlation: float


def features(text: str) -> dict[str, Array]:
    """Return each feature (characters,) of a text: of each character that is read, what is true there."""
    quoted = np.zeros(len(text))
    for each in QUOTED.finditer(text):
        quoted[each.start() : each.end() - 1] = 1  # the closing one ends it
    return {
        "how far into the line": _since(text, lambda character: character == "\n"),
        "how far into the word": _since(text, lambda character: not character.isalpha()),
        "inside quotes": quoted,
        "just read a space or a line’s end": _where(text, str.isspace),
        "just read a capital": _where(text, str.isupper),
        "just read punctuation": _where(text, lambda character: not (character.isalnum() or character.isspace())),
        "just read a digit": _where(text, str.isdigit),
    }


def _where(text: str, true: Callable[[str], bool]) -> Array:
    return np.array([true(character) for character in text], float)


def _since(text: str, begins: Callable[[str], bool]) -> Array:
    """Return how many characters ago the last one was that begins something; 0 at it."""
    places = np.arange(len(text))
    last = np.maximum.accumulate(np.where([begins(character) for character in text], places, 0))
    return (places - last).astype(float)


def correlations(h: Array, feature: Array) -> Array:
    """Return Pearson's correlation (m,) of each unit (characters, m) with the feature; 0 where either never varies."""
    units, follows = h - h.mean(axis=0), feature - feature.mean()
    norms = np.sqrt((units**2).sum(axis=0) * (follows**2).sum())
    products = product(follows[None], units)[0]
    found: Array = np.divide(products, norms, out=np.zeros_like(products), where=norms > 1e-9 * len(feature))
    return found


def chosen(h: Array, text: str) -> list[Unit]:
    """Return for each feature the unit with the largest absolute correlation over the text's first half.

    It is one of those that vary there. Left out is a feature that never varies, there or in the second half. The
    closest come first.

    h  (characters, m), the activations after each character
    """
    half, found = len(text) // 2, []
    for name, feature in features(text).items():
        if min(len(np.unique(feature[:half])), len(np.unique(feature[half:]))) > 1:
            first = correlations(h[:half], feature[:half]) * (h[:half].std(axis=0) >= VARIES)
            unit = int(np.abs(first).argmax())
            second = correlations(h[half:, unit : unit + 1], feature[half:])
            found.append(Unit(name, unit, float(first[unit]), float(second[0])))
    return sorted(found, key=lambda each: -abs(each.correlation))
