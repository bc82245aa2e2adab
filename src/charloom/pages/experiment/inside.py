"""The section on the inside of the best model: features that hidden units follow, predictions, and memory."""

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import NullLocator

from charloom.core.base.terminal import visible
from charloom.core.base.types import Array
from charloom.core.kernel.arrays import softmax
from charloom.pages.experiment.experiment_files import Results
from charloom.pages.experiment.looking_back import gradient_norms
from charloom.pages.experiment.passage import Passage, read
from charloom.pages.experiment.units import VARIES, chosen
from charloom.pages.pictures import BLUE, VERMILION, drawing, pictured
from charloom.pages.sections import Picture, Section, Table

CLOSE = 0.3  # least absolute correlation of a unit that is shown
SHOWN = 280  # characters that are coloured by a unit's activation
PLACES = 64  # characters whose predictions are shown
BACK = 60  # most characters over which a gradient is followed back
LOSSES = 300  # most losses whose gradients are followed back
SMALLEST = 1e-9  # norms below this share of the largest median are not drawn
GUESSES = 5  # predictions of a character that are shown
LEVELS = 4  # shades for positive, and for negative activations
SIGNS = {" ": "␣", "\n": "⏎", "\t": "⇥"}  # visible signs for white space


def section(results: Results) -> Section:
    """Return the section: units that follow a feature, predictions, and the memory, of the best model on a passage."""
    passage = read(results.best, results.corpus)
    candidates = chosen(passage.h[1:], passage.text)
    units = [unit for unit in candidates if abs(unit.correlation) >= CLOSE]
    half = len(passage.text) // 2  # the shown text begins with a line of the second half
    start = passage.text.find("\n", half, len(passage.text) - SHOWN) + 1 or half
    text, h = passage.text[start : start + SHOWN], passage.h[1:][start : start + SHOWN]
    signs = [_sign(character) for character in results.best.vocabulary.characters]
    places = expected(passage.o[start : start + PLACES], passage.y[start : start + PLACES])
    guesses = [
        (signs[place.came], f"{place.probability:.1%}", *(f"{signs[guess]} {p:.1%}" for guess, p in place.guesses))
        for place in places
    ]
    it = {
        "passage": passage,
        "varies": VARIES,
        "units": [(unit, _colored(text, h[:, unit.unit])) for unit in units],
        "loose": [unit for unit in candidates if unit not in units],
        "places": places,
        "signs": signs,
        "expected": Table(("next character", "its probability", "likeliest", "2nd", "3rd", "4th", "5th"), guesses),
        "right": sum(place.guesses[0][0] == place.came for place in places),
    }
    return Section("inside", "Inside the network", it, list(_memory(passage, results.params.seq_length)))


def _colored(text: str, h: Array) -> list[tuple[int, str]]:
    """Return the text in pieces of one shade, as pairs of the shade and the piece.

    A shade is an integer from −LEVELS to LEVELS, in proportion to the unit's activation h (characters,) after each
    character.
    """
    runs = groupby(zip(np.rint(LEVELS * h).astype(int).tolist(), text, strict=True), key=lambda pair: pair[0])
    return [(level, "".join(character for _, character in run)) for level, run in runs]


def _sign(character: str) -> str:
    """Return the character; for a space, newline, tab or control character, a visible sign or an escape."""
    return SIGNS.get(character, visible(character))


def _memory(passage: Passage, seq_length: int) -> Iterator[Picture]:
    """Yield the picture of the gradients' norms by the number of characters back: their median and quartiles.

    Nothing is yielded if there is only one median, or if the first one is 0. `seq_length` is marked: training follows a
    gradient back so far.
    """
    T = len(passage.x)
    back = min(BACK, T)
    places = np.unique(np.linspace(back - 1, T - 1, LOSSES).astype(int))
    norms = gradient_norms(passage.theta, passage.h, passage.y, places, back)
    low, middle, high = np.quantile(norms, [0.25, 0.5, 0.75], axis=0)
    if not (middle[0] > 0 and len(middle) > 1):
        return
    far = np.flatnonzero(middle < middle[0] / 100)
    reach = (
        f"After {far[0]:,} characters the median is below a hundredth of its first value."
        if len(far) else f"Within {len(middle) - 1} characters the median stays above a hundredth of its first value."
    )  # fmt: skip
    ks = np.arange(len(middle))[middle > SMALLEST * middle.max()]  # smaller norms are rounding errors
    low, middle, high = low[ks], middle[ks], high[ks]
    with drawing(2.6) as (figure, axes):
        axes.set_yscale("log")
        axes.fill_between(ks, low, high, color=BLUE, alpha=0.25, linewidth=0)
        axes.plot(ks, middle, color=BLUE, marker=".")
        axes.set_ylim(0.5 * middle.min(), 2 * high.max())
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
        if seq_length <= ks[-1]:
            axes.axvline(seq_length, color=VERMILION, linestyle=":", linewidth=0.9)
        axes.set_xlabel("characters back")
        axes.set_title("gradient with respect to an input, norm")
    rows = [(f"{k}", *(f"{norm:.3g}" for norm in row)) for k, *row in zip(ks, low, middle, high, strict=True)]
    yield pictured(
        figure, "memory", "gradient with respect to an input, norm",
        "Memory: the gradient of a character’s loss with respect to each earlier character. It tells how much a small "
        f"change of that character would change the loss. Line: the median over {len(norms)} characters; band: the "
        f"middle half of them. {reach} Training follows a gradient back over {seq_length:,} characters (dotted).",
        Table(("characters back", "first quartile", "median", "third quartile"), rows),
    )  # fmt: skip


class Place(NamedTuple):
    """A prediction of the next character.

    came         id of the character that came
    probability  the probability that the model gave to it
    guesses      the GUESSES likeliest characters, as (id, probability), the likeliest first
    """

    came: int
    probability: float
    guesses: list[tuple[int, float]]


def expected(o: Array, y: Array) -> list[Place]:
    """Return the predictions of the outputs o (T, K), with the ids y (T,) of the characters that came.

    Equally likely characters are in the order of their ids.
    """
    p = softmax(o)
    likeliest = np.argsort(-p, axis=1, kind="stable")[:, :GUESSES]
    return [
        Place(int(came), float(row[came]), [(int(guess), float(row[guess])) for guess in guesses])
        for row, came, guesses in zip(p, y, likeliest, strict=True)
    ]
