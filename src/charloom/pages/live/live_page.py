"""The live page, which trains the project's run again in the browser, also with changed settings, and writes text."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Any

from matplotlib.ticker import MaxNLocator

from charloom.core.config.params import Params, flat_of
from charloom.core.config.records import SampleTable
from charloom.core.model.model_file import Model, read_model
from charloom.core.network.logarithm import LN2
from charloom.core.network.normal import TABLE
from charloom.core.network.order import READING
from charloom.core.network.recipe import KERNEL as KERNEL_BACKEND
from charloom.pages.along_updates import points_of
from charloom.pages.experiment.experiment_files import Results
from charloom.pages.sections import PageSection, numbers, program, rendered

KERNEL = Path(__file__).with_name("kernel.wasm")
POINTS = 2000  # most points of a curve, and most checkpoints, in the page
CHECKPOINT_EVERY = "train.checkpoint_every"
LONGEST = 10_000_000  # most bytes of text in the page
TRAINABLE: dict[str, tuple[Any, ...]] = {  # the only values of these params that kernel.c and worker.js have
    "train.dtype": ("float64",), "train.order": (READING,), "batch": (1,), "optimizer": ("adagrad", "adam"),
    "backend": (KERNEL_BACKEND,),
}  # fmt: skip
FORM = {"eta", "m", "sigma", "seq_length", "optimizer", "train.initial_accumulator_value", "train.updates"}
PRIME = re.compile(r"^\S{1,20} \S{1,20}(?= .{20})", re.MULTILINE)  # two words at the start of a long line
LINKS = (("report.html", "The whole experiment on one page"), ("inside.html", "See inside the network"))


def live_page(results: Results, checkpoints: Path) -> str:
    """Return the page as HTML. If the page cannot train the run, it only has a sentence with the reason.

    checkpoints  the folder with the models that were saved during training
    """
    text = PurePath(results.params.prepare.text).name
    title, reason = f"Train the network on {text} again, in this browser", refusal(results)
    if reason:
        return rendered(title, reason, [], links=LINKS)
    intro = (
        f"This file holds the settings, the text and the results of a run of {results.train.updates:,} updates, the "
        "project’s run. Your browser trains the network again from its initial weights, in WebAssembly, and compares "
        "every checkpoint with that of the project’s run, bit for bit.\nThe page works offline: it makes no request, "
        "and no data leaves this machine."
    )
    curves = {name: points_of(results.curves[name], POINTS) for name in ("smooth_loss", "saturated_fraction")}
    lowest = min(curves["smooth_loss"].values())
    highest = max(1.8 * lowest, results.text.nats_per_sequence.uniform)  # the first losses may be far above
    ticks = list(MaxNLocator(5).tick_values(0.8 * lowest, highest))
    bits = results.train.smooth_loss / results.params.seq_length / LN2
    shown = {"results": results, "curves": curves, "ticks": ticks, "bits": bits}
    models = map(read_model, sorted(checkpoints.glob("*.npz")))
    data = page_data(results, hashes_and_texts(results.samples, models))
    words = PRIME.search(data["text"])
    write = {"best": results.best, "prime": words[0] if words else ""}
    sections = [
        PageSection("train-again", "Run it again, or change one thing", shown),
        PageSection("write", "Write", write),
    ]
    code = program(("page.js", "keep.js", "live.js"), data, "worker.js")
    return rendered(title, intro, sections, links=LINKS, program=code)


def refusal(results: Results) -> str:
    """Return a sentence with the reason why the page cannot train this run, or "" if it can."""
    values = flat_of(results.params)
    if other := [f"{name}: {values[name]}" for name, allowed in TRAINABLE.items() if values[name] not in allowed]:
        can = ", ".join(f"{name}: {' or '.join(map(str, allowed))}" for name, allowed in TRAINABLE.items())
        return f"This run has {', '.join(other)}; the page trains runs with {can}."
    characters = len(results.corpus)
    if characters > LONGEST or len(page_text(results).encode()) > LONGEST:
        return f"The text has {characters:,} characters; the page holds up to {LONGEST:,} bytes of text."
    return ""


def page_text(results: Results) -> str:
    """Return the whole text, the training part and the held-out part, decoded from the ids of its characters."""
    text = results.corpus
    return "".join(text.vocabulary.decode(part) for part in (text.training, text.held_out))


def hashes_and_texts(samples: SampleTable, models: Iterable[Model]) -> dict[int, tuple[str, str]]:
    """Return, by the update of each checkpoint, the SHA-256 of the weights and the text of the sample."""
    texts = {update: text for _, text, update, _ in samples.data[:-1]}
    return {model.update: (sha256_of(model), texts[model.update]) for model in models}


def sha256_of(model: Model) -> str:
    """Return the SHA-256, in hexadecimal digits, of the model's weights W, U, V, b, c as little-endian float64."""
    return hashlib.sha256(model.theta.flat.astype("<f8").tobytes()).hexdigest()


def page_data(results: Results, checkpoints: dict[int, tuple[str, str]]) -> dict[str, Any]:
    """Return the data for the page's scripts, to be written as JSON. Curves and checkpoints have at most POINTS points.

    checkpoints  as `hashes_and_texts` returns them
    """
    best, params = results.best, results.params
    return {
        "params": page_params(params),
        "limits": limits(params),
        "text": page_text(results),
        "results": results.results,
        "held_out": results.train.held_out_bits_per_character,
        "checkpoints": points_of(checkpoints, POINTS),
        "curve": points_of(results.curves["smooth_loss"], POINTS),
        "model": {
            "m": best.theta.m,
            "vocabulary": list(best.vocabulary.characters),
            "theta": numbers(best.theta.flat),
            "h": best.h.tolist(),
            "first": best.first,
            "update": best.update,
        },
        "ziggurat": TABLE.ravel().tolist(),
        "wasm": b64encode(KERNEL.read_bytes()).decode(),
    }


def limits(params: Params) -> dict[str, tuple[int, int]]:
    """Return the least and the largest value of each whole-number param in the page's form, by its dotted name.

    With more updates than the project's run has, the curve would leave the chart. With more checkpoints than POINTS,
    the page would become too large.

    params  the params of the project's run
    """
    updates, every = params.train.updates, params.train.checkpoint_every
    least = max(1, min(every, -(-updates // POINTS)))
    sizes = {"m": (1, max(params.m, 256)), "seq_length": (1, max(params.seq_length, 1000))}
    return sizes | {"train.updates": (1, max(updates, 1)), CHECKPOINT_EVERY: (least, max(updates, every))}


def page_params(params: Params) -> dict[str, Any]:
    """Return the params by their dotted names. The seed is a text, because JavaScript rounds numbers above 2^53."""
    return flat_of(params) | {"seed": str(params.seed)}
