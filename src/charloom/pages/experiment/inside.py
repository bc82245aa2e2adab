"""The section on the inside of the best model: which features hidden units follow, predictions, and memory."""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import NullLocator

from charloom.core.backend.backends import BACKENDS
from charloom.core.base.terminal import visible
from charloom.core.base.types import Array
from charloom.core.kernel.arrays import product, softmax
from charloom.core.model.model_file import Model
from charloom.core.network.recipe import KERNEL
from charloom.core.network.rnn import Parameters
from charloom.core.text.corpus import Text
from charloom.pages.experiment.experiment_files import Results
from charloom.pages.experiment.units import VARIES, best_units
from charloom.pages.pictures import BLUE, VERMILION, as_picture, drawing
from charloom.pages.sections import PageSection, Picture, Table

CLOSE = 0.3  # least absolute correlation of a unit that is shown
SHOWN = 280  # characters that are coloured by a unit's activation
PLACES = 64  # number of characters whose predictions are shown
BACK = 60  # most characters over which a gradient is followed back
LOSSES = 300  # most losses whose gradients are followed back
SMALLEST = 1e-9  # norms below this share of the largest median are not drawn
GUESSES = 5  # predictions of a character that are shown
LEVELS = 4  # shades for positive, and for negative activations
SIGNS = {" ": "␣", "\n": "⏎", "\t": "⇥"}  # visible signs for white space
LONGEST = 10_000  # most characters of the passage
WORK = 10**9  # most multiplications for reading: a large network reads fewer characters
SHORTEST = 100  # least characters of the passage; a shorter held-out text is not used


class Passage(NamedTuple):
    """A passage that the model has read.

    held_out  whether the passage is from the held-out text
    text      the T characters
    x, y      (T,) ids of the characters, and of the next characters
    theta     the model's weights in double precision
    h, o      states (T + 1, m) and outputs (T, K), as in network/rnn.py; h[0] is the state before the passage
    """

    held_out: bool
    text: str
    x: Array
    y: Array
    theta: Parameters
    h: Array
    o: Array


def read_passage(model: Model, corpus: Text) -> Passage:
    """Let the model read the beginning of the held-out text, and return the passage.

    If at most SHORTEST characters are held out, the model reads the end of the training text. A large model reads fewer
    characters (see WORK). The model starts from the state in its file: most trainings never start from a zero state.
    """
    most = max(SHORTEST, min(LONGEST, WORK // (model.theta.m * (model.theta.m + model.theta.K)))) + 1
    held_out = len(corpus.held_out) > SHORTEST
    ids = corpus.held_out[:most] if held_out else corpus.training[max(0, len(corpus.training) - most) :]
    x, y = ids[:-1].astype(np.intp), ids[1:].astype(np.intp)
    theta = Parameters(model.theta.flat.astype(float), model.theta.m, model.theta.K)
    h, o = BACKENDS[model.backend].forward(theta, x, model.h.astype(float))
    return Passage(held_out, model.vocabulary.decode(x), x, y, theta, h, o)


def section(results: Results) -> PageSection:
    """Return the section on the best model and a passage: units that follow a feature, predictions, and memory."""
    passage = read_passage(results.best, results.corpus)
    candidates = best_units(passage.h[1:], passage.text)
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
    is_kernel = results.best.backend == KERNEL  # `gradient_norms` has the equations of the kernel
    it["known"], pictures = is_kernel, list(_memory(passage, results.params.seq_length)) if is_kernel else []
    return PageSection("inside", "Inside the network", it, pictures)


def _colored(text: str, h: Array) -> list[tuple[int, str]]:
    """Return the text in pieces of one shade, as pairs of the shade and the piece.

    A shade is an integer from −LEVELS to LEVELS, in proportion to a unit's activation after the character.

    h  (characters,) activations of the unit
    """
    levels = np.rint(LEVELS * h.clip(-1, 1)).astype(int).tolist()
    runs = groupby(zip(levels, text, strict=True), key=itemgetter(0))
    return [(level, "".join(character for _, character in run)) for level, run in runs]


def _sign(character: str) -> str:
    """Return the character; for a space, newline, tab or control character, a visible sign or an escape."""
    return SIGNS.get(character, visible(character))


def _memory(passage: Passage, seq_length: int) -> Iterator[Picture]:
    """Yield the picture of the norms of gradients by the number of characters back: their median and quartiles.

    Nothing is yielded if there is only one median, or if the first median is 0. A dotted line marks `seq_length`: the
    number of characters over which training follows a gradient back.
    """
    T = len(passage.x)
    steps = min(BACK, T)
    places = np.unique(np.linspace(steps - 1, T - 1, LOSSES).astype(int))
    norms = gradient_norms(passage.theta, passage.h, passage.y, places, steps)
    low, middle, high = np.quantile(norms, [0.25, 0.5, 0.75], axis=0)
    if not (middle[0] > 0 and len(middle) > 1):
        return
    far = np.flatnonzero(middle < middle[0] / 100)
    reach = f"Within {len(middle) - 1} characters the median stays above a hundredth of its first value."
    if len(far):
        reach = f"After {far[0]:,} characters the median is below a hundredth of its first value."
    ks = np.arange(len(middle))[middle > SMALLEST * middle.max()]  # smaller norms are rounding errors
    low, middle, high = low[ks], middle[ks], high[ks]
    with drawing(2.6) as (figure, axes):
        axes.set_yscale("log")
        axes.fill_between(ks, low, high, color=BLUE, alpha=0.25, linewidth=0)
        axes.plot(ks, middle, color=BLUE, marker=".")
        axes.set_ylim(0.5 * middle.min(), 2 * high.max())
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_locator(NullLocator())
        if seq_length <= ks[-1]:
            axes.axvline(seq_length, color=VERMILION, linestyle=":", linewidth=0.9)
        axes.set_xlabel("characters back")
        axes.set_title("gradient with respect to an input, norm")
    rows = [(f"{k}", *(f"{norm:.3g}" for norm in row)) for k, *row in zip(ks, low, middle, high, strict=True)]
    yield as_picture(
        figure, "memory", "gradient with respect to an input, norm",
        "Memory: the gradient of a character’s loss with respect to each earlier character. It tells how much a small "
        f"change of that character would change the loss. Line: the median over {len(norms)} characters; band: the "
        f"middle half of them. {reach} Training follows a gradient back over {seq_length:,} characters (dotted).",
        Table(("characters back", "first quartile", "median", "third quartile"), rows),
    )  # fmt: skip


def gradient_norms(theta: Parameters, h: Array, y: Array, places: Array, steps: int) -> Array:
    """Return the norms ‖∂loss_t / ∂x_{t−k}‖ (n, steps) for k = 0 … steps − 1.

    With the predicted probabilities p_t and g = p_t − onehot(y_t), for the loss of the character y_t alone:

        d_0 = Vᵀ g ⊙ (1 − h_t²)
        d_k = Wᵀ d_{k−1} ⊙ (1 − h_{t−k}²)          ∂loss_t / ∂a_{t−k}
        ∂loss_t / ∂x_{t−k} = Uᵀ d_k

    h       (T + 1, m) the states over a text; h[t + 1] is the state after character t
    y       (T,) ids of the next characters
    places  (n,) the positions t of the n losses, each at least steps − 1
    steps   number of characters over which a gradient is followed back
    """
    g = softmax(product(h[places + 1], theta.V.T) + theta.c)
    g[np.arange(len(places)), y[places]] -= 1
    to_state = product(g, theta.V)
    norms = np.empty((len(places), steps))
    for k in range(steps):
        d = to_state * (1 - h[places + 1 - k] ** 2)
        norms[:, k] = np.sqrt((product(d, theta.U) ** 2).sum(axis=1))
        to_state = product(d, theta.W)
    return norms


class Place(NamedTuple):
    """A prediction of the next character.

    came         id of the character that came
    probability  the probability that the model gave to this character
    guesses      the GUESSES likeliest characters, as (id, probability), the likeliest first
    """

    came: int
    probability: float
    guesses: list[tuple[int, float]]


def expected(o: Array, y: Array) -> list[Place]:
    """Return the T predictions that have the outputs o (T, K). The characters that came have the ids y (T,).

    Equally likely characters are in the order of their ids.
    """
    p = softmax(o)
    likeliest = np.argsort(-p, axis=1, kind="stable")[:, :GUESSES]
    return [
        Place(int(came), float(row[came]), [(int(guess), float(row[guess])) for guess in guesses])
        for row, came, guesses in zip(p, y, likeliest, strict=True)
    ]
