"""Find, for each feature of a text, the hidden unit whose activation follows the feature most closely.

A feature is a number for each character, such as whether the character is inside quotation marks.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from charloom.core.base.types import Array
from charloom.core.kernel.arrays import product

# „…” is Polish, „…“ and »…« are German. A word begins after a German », rarely after a French », which closes.
QUOTED = re.compile(r"„[^„“”]*[“”]|“[^“”]*”|«[^«»]*»|»\w[^«»]*«|「[^「」]*」|\"[^\"\n]*\"")


VARIES = 0.1  # least standard deviation of a unit that may be chosen: a smaller one would be invisible


class Unit(NamedTuple):
    """The unit that follows a feature most closely.

    feature      the name of the feature
    unit         the index of the unit, from 0
    chosen_by    correlation with the feature in the first half of the text, for which the unit was chosen
    correlation  correlation in the second half, which tests the choice
    """

    feature: str
    unit: int
    chosen_by: float
    correlation: float


def features(text: str) -> dict[str, Array]:
    """Return the features of a text by name: arrays (characters,) of 0 (no) and 1 (yes), or of distances."""
    quoted = np.zeros(len(text))
    for quotation in QUOTED.finditer(text):
        quoted[quotation.start() : quotation.end() - 1] = 1  # without the closing quotation mark
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
    """Return, for each character, its distance in characters to the last character for which `begins` is true.

    Before the first such character, the value is the distance to the beginning of the text.
    """
    places = np.arange(len(text))
    last = np.maximum.accumulate(np.where([begins(character) for character in text], places, 0))
    return (places - last).astype(float)


def correlations(h: Array, feature: Array) -> Array:
    """Return Pearson's correlations (m,) of the units h (characters, m) with the feature; 0 if either is constant."""
    units, follows = h - h.mean(axis=0), feature - feature.mean()
    norms = np.sqrt((units**2).sum(axis=0) * (follows**2).sum())
    products = product(follows[None], units)[0]
    values: Array = np.divide(products, norms, out=np.zeros_like(products), where=norms > 1e-9 * len(feature))
    return values


def best_units(h: Array, text: str) -> list[Unit]:
    """Return, for each feature, the unit with the largest absolute correlation in the first half of the text.

    Units whose standard deviation is below VARIES are excluded. Features that are constant in a half are left out.
    The result is sorted by the absolute correlation in the second half, largest first.

    h  (characters, m) the activations after each character
    """
    half, units = len(text) // 2, []
    for name, feature in features(text).items():
        if min(len(np.unique(feature[:half])), len(np.unique(feature[half:]))) > 1:
            first = correlations(h[:half], feature[:half]) * (h[:half].std(axis=0) >= VARIES)
            unit = int(np.abs(first).argmax())
            second = correlations(h[half:, unit : unit + 1], feature[half:])
            units.append(Unit(name, unit, float(first[unit]), float(second[0])))
    return sorted(units, key=lambda unit: -abs(unit.correlation))
