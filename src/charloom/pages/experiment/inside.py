"""What goes on inside the best model: its hidden units, what it expects, how far back it looks."""

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import NullLocator

from charloom.base.terminal import visible
from charloom.base.types import Array
from charloom.kernel.arrays import softmax
from charloom.pages.experiment.experiment_files import Results
from charloom.pages.experiment.looking_back import gradient_norms
from charloom.pages.experiment.passage import Passage, read
from charloom.pages.experiment.units import VARIES, chosen, features
from charloom.pages.pictures import BLUE, GREY, VERMILION, drawing, pictured
from charloom.pages.sections import Picture, Section, Table

CLOSE = 0.3  # correlation from which a unit is shown
SHOWN = 280  # characters that they colour
PLACES = 64  # whose expectations are shown
BACK = 60  # characters that are looked back, at most
LOSSES = 300  # whose gradients are followed back, at most
SMALLEST = 1e-9  # part of the largest median down to which norms are drawn
GUESSES = 5  # of what comes next
LEVELS = 4  # shades of each sign
SIGNS = {" ": "␣", "\n": "⏎", "\t": "⇥"}  # for characters that would not be seen


def section(results: Results) -> Section:
    """Return the section."""
    passage = read(results.best, results.corpus)
    found = chosen(passage.h[1:], passage.text)
    units = [each for each in found if abs(each.correlation) >= CLOSE]
    start = _window(passage.text)
    text, h = passage.text[start : start + SHOWN], passage.h[1:][start : start + SHOWN]
    signs = [_sign(character) for character in results.best.vocabulary.characters]
    places = expected(passage.o[start : start + PLACES], passage.y[start : start + PLACES])
    activations = [
        (_sign(read), *(f"{row[each.unit]:.2f}" for each in units)) for read, row in zip(text, h, strict=True)
    ]
    guesses = [
        (signs[each.came], f"{each.probability:.1%}", *(f"{signs[guess]} {p:.1%}" for guess, p in each.guesses))
        for each in places
    ]
    it = {
        "passage": passage,
        "varies": VARIES,
        "units": [(each, _colored(text, h[:, each.unit])) for each in units],
        "loose": [each for each in found if each not in units],
        "activations": Table(("character", *(f"unit {each.unit}" for each in units)), activations),
        "places": places,
        "signs": signs,
        "expected": Table(("came", "its probability", "likeliest", "2nd", "3rd", "4th", "5th"), guesses),
        "right": sum(place.guesses[0][0] == place.came for place in places),
    }
    return Section("inside", "Inside the network", it, _memory(passage, results.params.seq_length))


def _window(text: str) -> int:
    """Return where the passage that is shown begins: at a line of the second half, where most features vary."""
    half, last = len(text) // 2, len(text) - SHOWN
    starts = [place + 1 for place in range(half, last) if text[place] == "\n"] or [half]
    vary = np.array([np.diff(feature) != 0 for feature in features(text).values()])
    return max(starts, key=lambda start: int(vary[:, start : start + SHOWN - 1].any(axis=1).sum()))


def _colored(text: str, h: Array) -> list[tuple[int, str]]:
    """Return the text as a unit sees it: pieces of one shade each, −LEVELS to LEVELS."""
    runs = groupby(zip(np.rint(LEVELS * h).astype(int).tolist(), text, strict=True), key=lambda each: each[0])
    return [(level, "".join(character for _, character in run)) for level, run in runs]


def _sign(character: str) -> str:
    """Return the character, or a sign for one that would not be seen."""
    return SIGNS.get(character, visible(character))


def _memory(passage: Passage, seq_length: int) -> list[Picture]:
    """Return how a loss depends on what was read before, and on the states before; nothing where it never does."""
    T = len(passage.x)
    back = min(BACK, T)
    places = np.unique(np.linspace(back - 1, T - 1, LOSSES).astype(int))
    inputs, states = gradient_norms(passage.theta, passage.h, passage.y, places, back)
    what = (
        "Memory: how much a small change of each character read before would change the loss at a place, as far as "
        "gradients tell"
    )
    then = "The same of each earlier hidden state: the gradient on its way back through time"
    return [
        *_norms(inputs, seq_length, "memory", "gradient with respect to an input, norm", what),
        *_norms(states, seq_length, "norms", "gradient with respect to a state, norm", then),
    ]


def _norms(norms: Array, seq_length: int, name: str, what: str, caption: str) -> Iterator[Picture]:
    """Yield the picture of norms (losses, back), if there are any: their median and the middle half of them."""
    low, middle, high = np.quantile(norms, [0.25, 0.5, 0.75], axis=0)
    if not (middle[0] > 0 and len(middle) > 1):
        return
    far = np.flatnonzero(middle < middle[0] / 100)
    reach = (
        f"After {far[0]:,} characters the median is below a hundredth of its start."
        if len(far) else f"It is never below a hundredth of its start within {len(middle) - 1} characters."
    )  # fmt: skip
    ks = np.arange(len(middle))[middle > SMALLEST * middle.max()]  # below it the picture would show rounding alone
    low, middle, high = low[ks], middle[ks], high[ks]
    with drawing(2.6) as (figure, (axes,)):
        axes.set_yscale("log")
        axes.fill_between(ks, low, high, color=BLUE, alpha=0.25, linewidth=0)
        axes.plot(ks, middle, color=BLUE, marker=".")
        axes.set_ylim(0.5 * middle.min(), 2 * high.max())
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
        if seq_length <= ks[-1]:
            axes.axvline(seq_length, color=VERMILION, linestyle=":", linewidth=0.9)
            axes.annotate(
                "training follows\nit no further", (seq_length, 1), xycoords=("data", "axes fraction"), xytext=(-4, 0),
                textcoords="offset points", ha="right", va="top", color=GREY,
            )  # fmt: skip
        axes.set_xlabel("characters back")
        axes.set_title(what)
    rows = [(f"{k}", *(f"{each:.3g}" for each in row)) for k, *row in zip(ks, low, middle, high, strict=True)]
    caption += f". Shown are the median of {len(norms)} places and the middle half of them. {reach}"
    heads = ("characters back", "first quartile", "median", "third quartile")
    yield pictured(figure, name, what, caption, Table(heads, rows))


class Place(NamedTuple):
    """A place in a text: which character came, how likely it was, and the likeliest ones with their probabilities."""

    came: int
    probability: float
    guesses: list[tuple[int, float]]


def expected(o: Array, y: Array) -> list[Place]:
    """Return what was expected at each place, from outputs o (T, K), and what came, y (T,). Of equals the first."""
    p = softmax(o)
    likeliest = np.argsort(-p, axis=1, kind="stable")[:, :GUESSES]
    return [
        Place(int(came), float(row[came]), [(int(guess), float(row[guess])) for guess in guesses])
        for row, came, guesses in zip(p, y, likeliest, strict=True)
    ]
