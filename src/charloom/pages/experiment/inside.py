"""What goes on inside the best model: its hidden units, what it expects, how far back it looks."""

from itertools import groupby
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import NullLocator

from charloom.base.terminal import visible
from charloom.base.types import Array
from charloom.pages.experiment.expected import Place, expected
from charloom.pages.experiment.memory import gradient_norms
from charloom.pages.experiment.passage import Passage, read
from charloom.pages.experiment.results import Results
from charloom.pages.experiment.units import VARIES, Unit, chosen, features
from charloom.pages.inline import BLUE, GREY, VERMILION, drawing, inline
from charloom.pages.page import Picture, Section, Table

CLOSE = 0.3  # correlation from which a unit is shown
SHOWN = 280  # characters that they colour
PLACES = 64  # whose expectations are shown
BACK = 60  # characters that are looked back, at most
LOSSES = 300  # whose gradients are followed back, at most
SMALLEST = 1e-9  # part of the largest median down to which norms are drawn
LEVELS = 4  # shades of each sign
SIGNS = {" ": "␣", "\n": "⏎", "\t": "⇥"}  # for characters that would not be seen


class Colored(NamedTuple):
    """The passage as a unit sees it: pieces of one shade each, −LEVELS to LEVELS."""

    unit: Unit
    pieces: list[tuple[int, str]]


def section(results: Results) -> Section:
    """Return the section."""
    passage = read(results.best, results.corpus)
    found = chosen(passage.h[1:], passage.text)
    units = [each for each in found if abs(each.correlation) >= CLOSE]
    start = _window(passage.text)
    shown = slice(start, start + SHOWN)
    characters = results.best.vocabulary.characters
    places = expected(passage.o[start : start + PLACES], passage.y[start : start + PLACES])
    it = {
        "passage": passage,
        "updates": results.best.update,
        "varies": VARIES,
        "units": [_colored(each, passage.text[shown], passage.h[1:][shown, each.unit]) for each in units],
        "loose": [each for each in found if each not in units],
        "activations": Table(
            ("character", *(f"unit {each.unit}" for each in units)),
            [
                (_sign(character), *(f"{h[each.unit]:.2f}" for each in units))
                for character, h in zip(passage.text[shown], passage.h[1:][shown], strict=True)
            ],
        ),
        "places": [_signs(place, characters) for place in places],
        "expected": Table(
            ("came", "its probability", "likeliest", "2nd", "3rd", "4th", "5th"),
            [
                (
                    _sign(characters[place.came]), f"{place.probability:.1%}",
                    *(f"{_sign(characters[guess])} {p:.1%}" for guess, p in place.guesses),
                )
                for place in places
            ],
        ),
        "right": sum(place.guesses[0][0] == place.came for place in places),
        "memory": _memory(passage, results.params.seq_length),
    }  # fmt: skip
    return Section("inside", "Inside the network", it)


def _window(text: str) -> int:
    """Return where the passage that is shown begins: at a line of the second half, where most features vary."""
    half, last = len(text) // 2, len(text) - SHOWN
    starts = [place + 1 for place in range(half, last) if text[place] == "\n"] or [half]
    vary = np.array([np.diff(feature) != 0 for feature in features(text).values()])
    return max(starts, key=lambda start: int(vary[:, start : start + SHOWN - 1].any(axis=1).sum()))


def _colored(unit: Unit, text: str, h: Array) -> Colored:
    levels = np.rint(LEVELS * h).astype(int).tolist()
    runs = groupby(zip(levels, text, strict=True), key=lambda each: each[0])
    return Colored(unit, [(level, "".join(character for _, character in run)) for level, run in runs])


def _sign(character: str) -> str:
    """Return the character, or a sign for one that would not be seen."""
    return SIGNS.get(character, visible(character))


def _signs(place: Place, characters: str) -> tuple[str, list[tuple[str, int, bool]]]:
    """Return what came, and of each guess its sign, its probability in tenths, and whether it came."""
    guesses = [(_sign(characters[guess]), round(10 * p), guess == place.came) for guess, p in place.guesses]
    return _sign(characters[place.came]), guesses


def _memory(passage: Passage, seq_length: int) -> list[Picture]:
    """Return how a loss depends on what was read before, and on the states before; nothing where it never does."""
    T = len(passage.x)
    back = min(BACK, T)
    places = np.unique(np.linspace(back - 1, T - 1, LOSSES).astype(int))
    inputs, states = gradient_norms(passage.theta, passage.h, passage.y, places, back)
    return [
        picture
        for picture in (
            _norms(
                inputs, seq_length, "memory", "gradient with respect to an input",
                "Memory: how much a small change of each character read before would change the loss at a place, as "
                "far as gradients tell",
            ),
            _norms(
                states, seq_length, "norms", "gradient with respect to a state",
                "The same for each earlier hidden state: the gradient on its way back through time",
            ),
        )
        if picture
    ]  # fmt: skip


def _norms(norms: Array, seq_length: int, name: str, what: str, caption: str) -> Picture | None:
    """Return the picture of norms (losses, back): their median and the middle half of them."""
    low, middle, high = np.quantile(norms, [0.25, 0.5, 0.75], axis=0)
    if not (middle[0] > 0 and len(middle) > 1):
        return None
    far = np.flatnonzero(middle < middle[0] / 100)
    reach = (
        f"After {far[0]:,} characters the median is below a hundredth of its start."
        if len(far) else f"It is never below a hundredth of its start within {len(middle) - 1} characters."
    )  # fmt: skip
    ks = np.arange(len(middle))[middle > SMALLEST * middle.max()]  # below it the picture would show rounding alone
    low, middle, high = low[ks], middle[ks], high[ks]
    with drawing(2.6) as figure:
        axes = figure.subplots()
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
        axes.set_title(f"{what}, norm")
        svg = inline(figure, name, caption, f"It starts at {middle[0]:.2g}. {reach}")
    rows = [
        (f"{k}", *(f"{each:.3g}" for each in row))
        for k, row in zip(ks, zip(low, middle, high, strict=True), strict=True)
    ]
    return Picture(
        svg,
        f"{caption}. Shown are the median of {len(norms)} places and the middle half of them. {reach}",
        Table(("characters back", "first quartile", "median", "third quartile"), rows),
        f"{what}, norm",
    )
