"""The page inside.html: it trains a small network with a fault of the gradient, and reads a text that you type."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from charloom.core.network.order import AS_IT_STANDS
from charloom.core.network.recipe import KERNEL
from charloom.core.network.rnn import init
from charloom.core.text.corpus import Text
from charloom.pages.experiment.experiment_files import Results
from charloom.pages.sections import PageSection, numbers, program, rendered

# The faults of packages/rnncheck by the stages of the backward pass, and the checks that notice them: see
# docs/inside_checks.py, which writes the file.
CHECKS = json.loads(Path(__file__).with_name("inside_checks.json").read_bytes())
LONG = CHECKS["length"]
STAGE = {  # stage of the backward pass: what the stage computes, for readers
    "g": "g, the gradient at the outputs", "c": "the gradient of c", "V": "the gradient of V",
    "slope": "the slope of tanh", "carry": "what is carried back", "d": "d, the gradient before tanh",
    "b": "the gradient of b", "U": "the gradient of U", "W": "the gradient of W",
}  # fmt: skip
UNITS, SIGMA, UPDATES = 20, 0.01, 2000  # of the small training that the page runs
SMALL = {"m": UNITS, "seq_length": LONG, "eta": 0.1, "clip": 5.0, "updates": UPDATES}
LARGEST = 256  # most hidden units of a model in the page: a text of LONGEST characters takes half a second then
LONGEST = 1000  # most characters of a typed text, which is read again at each key
TYPED = re.compile(r"(?<=\s)\S.{40,80}(?=\s)", re.DOTALL)  # whole words, about a line
LINKS = (("report.html", "The whole experiment on one page"), ("live.html", "Train it again, in this browser"))


def inside_page(results: Results) -> str:
    """Return the page as HTML. The sections that need the model are left out if the page cannot compute with it.

    It cannot if the model has more than LARGEST hidden units, or a backend other than `kernel`.
    """
    levels = {name: nats * LONG / results.params.seq_length for name, nats in results.text.nats_per_sequence}
    ticks = list(MaxNLocator(5).tick_values(0.8 * min(levels.values()), 1.05 * max(levels.values())))
    listed = {STAGE[stage]: names for stage, names in CHECKS["faults"].items()}
    sections = [PageSection("break", "Break one line", SMALL | {"faults": listed, "levels": levels, "ticks": ticks})]
    scripts, data, best = ["page.js", "passes.js", "break.js"], page_data(results), results.best
    if best.backend != KERNEL:
        more = "This page computes with tanh, so it shows models of backend: kernel only. charloom score reads a text."
    elif best.theta.m > LARGEST:
        more = (
            f"The model of this run has {best.theta.m:,} hidden units. The page holds models of up to {LARGEST}, so it "
            "can neither read a text with this model nor follow an update. The command charloom score reads a text."
        )
    else:
        more = "Type a text, and see what the network expects. Follow one update, character by character."
        data |= {"model": numbers(best.theta.flat), "h": best.h.tolist(), "passage": next_sequence(results)}
        typed = {"best": best, "longest": LONGEST, "text": example_text(results.corpus)}
        step = {"best": best, "count": len(data["passage"]) - 1}
        sections += [PageSection("type", "Type here", typed), PageSection("step", "One update, step by step", step)]
        scripts.append("model.js")
    intro = (
        f"Break a line of the gradient, and see which check notices it. {more}\n"
        "The page works offline: it makes no request, and no data leaves this machine."
    )
    return rendered("See inside the network", intro, sections, links=LINKS, program=program(scripts, data))


def example_text(corpus: Text) -> str:
    """Return a line of whole words from the start of the held-out text; if that is too short, of the training text.

    If no such words are found, the result is the first 80 characters.
    """
    text = "".join(corpus.vocabulary.decode(part[:LONGEST]) for part in (corpus.held_out, corpus.training))
    words = TYPED.search(text)
    return words[0] if words else text[:80]


def page_data(results: Results) -> dict[str, Any]:
    """Return the data that break.js needs to train a small network: text, recipe, initial weights and checks.

    The result is written into the page as JSON.
    """
    vocabulary, training = results.corpus.vocabulary, results.corpus.training[: UPDATES * LONG + 1]
    start = init(UNITS, len(vocabulary), SIGMA, np.random.default_rng(results.params.seed))
    return {
        "vocabulary": list(vocabulary.characters),
        "text": vocabulary.decode(training),
        "recipe": SMALL,
        "start": numbers(start.flat),
        "limit": CHECKS["limit"],
        "checks": CHECKS["checks"],
    }


def next_sequence(results: Results) -> list[int]:
    """Return the ids of the sequence that training reads after the best model's last update, and of one more character.

    If the batch is above 1, or training does not read from front to back, the sequence is the first one of the text. If
    the sequence begins an epoch, the state in the model's file is zero, as in training.
    """
    params, in_epoch = results.params, results.best.update % results.train.updates_per_epoch
    start = in_epoch * params.seq_length if params.loss_of[1:] == (1, AS_IT_STANDS) else 0
    ids: list[int] = results.corpus.training[start : start + LONG + 1].tolist()
    return ids
