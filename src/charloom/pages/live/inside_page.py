"""The page that looks inside: it trains a small network with a fault of the gradient, and reads what one types."""

from base64 import b64encode
from typing import Any

import numpy as np
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from charloom.core.base.types import Array
from charloom.core.network.order import AS_IT_STANDS
from charloom.core.network.rnn import NAMES, init
from charloom.grading.backward import STAGES, Weights
from charloom.grading.cases import LONG, Case, K, M, assignment_case, cases
from charloom.grading.gradient import NOTICED
from charloom.grading.verdicts import faults
from charloom.pages.experiment.experiment_files import Results
from charloom.pages.sections import Section, rendered, script

STAGE = {  # what the stages of the backward pass compute
    "g": "g, the gradient at the outputs", "c": "the gradient of c", "V": "the gradient of V",
    "slope": "the slope of tanh", "carry": "what is carried back", "d": "d, the gradient before tanh",
    "b": "the gradient of b", "U": "the gradient of U", "W": "the gradient of W",
}  # fmt: skip
UNITS, SIGMA, UPDATES = 20, 0.01, 2000  # of the small training
SMALL = {"m": UNITS, "seq_length": LONG, "eta": 0.1, "clip": 5.0, "updates": UPDATES}
LONGEST = 1000  # most characters of a typed text, which is read again at each key
DIGITS = 9  # of numbers in the page: NumPy's tanh and normal numbers differ between processors in the last bits
LINKS = (("report.html", "The whole experiment on one page"), ("live.html", "Train it again, in this browser"))


def inside_page(results: Results) -> str:
    """Return the page as HTML."""
    intro = (
        "Break a line of the gradient, and see which check notices it. Type a text, and see what the network expects. "
        "Follow one update, character by character.\n"
        "The page works offline: it makes no request, and no data leaves this machine."
    )
    levels = {name: nats * LONG / results.params.seq_length for name, nats in results.text.nats_per_sequence}
    ticks = list(MaxNLocator(5).tick_values(0.8 * min(levels.values()), 1.05 * max(levels.values())))
    listed = {STAGE[stage]: {f"{stage}.{key}": says for key, says in variants(stage).items()} for stage in STAGES}
    typed = {"best": results.best, "longest": LONGEST if results.best.theta.m <= 256 else 200}
    sections = [
        Section("break", "Break one line", SMALL | {"faults": listed, "levels": levels, "ticks": ticks}),
        Section("type", "Type here", typed),
        Section("step", "One update, step by step", {"best": results.best, "count": len(passage(results)) - 1}),
    ]
    data = htmlsafe_json_dumps(page_data(results), ensure_ascii=False, separators=(",", ":"))
    program = {"script": script("passes.js") + script("inside.js"), "worker": Markup(), "data": data}
    return rendered("See inside the network", intro, sections, links=LINKS, program=program)


def variants(stage: str) -> dict[str, str]:
    """Return the faults of a stage of the backward pass: sentences by key. Of two with the same sentence, the first."""
    first = {sentence: key for key, sentence in reversed(faults()[stage].items())}
    return {key: sentence for key, sentence in faults()[stage].items() if first[sentence] == key}


def page_data(results: Results) -> dict[str, Any]:
    """Return the data for the page's script, to be written as JSON."""
    vocabulary, training = results.corpus.vocabulary, results.corpus.training[: UPDATES * LONG + 1]
    start = init(UNITS, len(vocabulary), SIGMA, np.random.default_rng(results.params.seed))
    return {
        "vocabulary": list(vocabulary.characters),
        "model": b64encode(results.best.theta.flat.astype("<f8").tobytes()).decode(),
        "h": results.best.h.tolist(),
        "passage": passage(results),
        "text": vocabulary.decode(training),
        "recipe": SMALL,
        "start": matrices({name: getattr(start, name) for name in NAMES}),
        "limit": NOTICED,
        "checks": {"assignment": [page_case(assignment_case(M, K, LONG))], "grade": [*map(page_case, cases())]},
    }


def passage(results: Results) -> list[int]:
    """Return the ids of the sequence that follows the best model's update, and of one more character."""
    params, in_epoch = results.params, results.best.update % results.train.updates_per_epoch
    start = in_epoch * params.seq_length if params.loss_of[1:] == (1, AS_IT_STANDS) else 0
    ids: list[int] = results.corpus.training[start : start + LONG + 1].tolist()
    return ids


def page_case(case: Case) -> dict[str, Any]:
    """Return a case of grading/cases.py as `errors` of passes.js takes it."""
    return {
        "weights": matrices(case.weights),
        "h": case.h.round(DIGITS).tolist(),
        "x": case.x.tolist(),
        "y": case.y.tolist(),
    }


def matrices(weights: Weights) -> dict[str, list[list[float]]]:
    """Return the weights as lists of rows; b and c are columns."""
    return {name: rows(weights[name]) for name in NAMES}


def rows(array: Array) -> list[list[float]]:
    """Return the matrix as a list of rows, or the vector as a column."""
    rounded: list[list[float]] = array.reshape(len(array), -1).round(DIGITS).tolist()
    return rounded
