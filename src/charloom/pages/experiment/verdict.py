"""The section `verdict`: the run's result, compared with counted n-grams and with the committed study."""

import re
import shlex
from statistics import fmean
from typing import Any

from matplotlib.ticker import MaxNLocator

from charloom.base.logarithm import LN2
from charloom.network.rnn import SATURATED
from charloom.pages.experiment.experiment_files import Results, bits_of
from charloom.pages.experiment.first_updates import RISEN, color_of
from charloom.pages.pictures import BLUE, FAINT, GREY, drawing, pictured
from charloom.pages.sections import Picture, Section, Table
from charloom.results.identity import experiment_key, naming_params
from charloom.results.run import FIRST_LOSSES
from charloom.settings.params import as_yaml

OWN = "this run, held-out"
PLAIN = re.compile(r"[\w./-]+( [\w./-]+)*", re.ASCII)  # a text that Hydra reads without quotes
NEAR = 0.05  # bits per character: a smaller difference between unseen and training text is "about the same"


def section(results: Results) -> Section:
    """Return the section with the result, its hashes, and the command that repeats the run."""
    params, text_sha256 = results.params, results.text.sha256
    again = " ".join(f"-S {shlex.quote(f'{name}={as_yaml(value)}')}" for name, value in naming_params(params).items())
    text_of = f"-S {shlex.quote(f'prepare.text={_hydra_value(params.prepare.text)}')}"
    it = {
        "study": {
            start: (fmean(bits), min(bits), max(bits), len(bits)) for start, bits in bits_of(results.study).items()
        },
        "concluded": concluded(results),
        "near": NEAR,
        "limit": SATURATED,
        "hashes": [
            ("the text", text_sha256),
            ("the experiment: its params and its text", experiment_key(params, text_sha256)),
            ("the results: weights and trace", results.results),
        ],
        "again": f"dvc exp run {text_of} {again}",
    }
    return Section("verdict", "The result", it, [_ladder(results)])


def concluded(results: Results) -> dict[str, Any]:
    """Return the figures of the conclusion, by name.

    training_bits  smooth loss at the end, in bits per character
    unseen_more    held-out loss minus training_bits, in bits per character; None if no text was held out
    first, peak    the first loss and the highest loss of the first FIRST_LOSSES updates, in nats per sequence
    jumped         whether the highest loss is above RISEN times the first
    peak_update    the update of the highest loss
    saturated      the share of saturated hidden units at the end, in [0, 1]
    cheaper        two numbers about other seeds with this run's settings and text in studies: how many have a lower
                   held-out loss, and how many there are; None if there is no other seed, or no text was held out
    mended         the initial accumulator with the lowest mean held-out loss in the study initial_accumulator; None if
                   this run has it, or another recipe than the published one, or the study has another text
    """
    train, own = results.train, results.params.train.initial_accumulator_value
    losses = {update: loss for update, loss in results.curves["loss"].items() if update < FIRST_LOSSES}
    training_bits = train.smooth_loss / results.params.seq_length / LN2
    bits, peak = train.held_out_bits_per_character, max(losses, key=lambda update: losses[update])
    trials = bits_of(results.study) if results.has_published_recipe else {}
    first = next(iter(losses.values()))
    lowest = min(trials, key=lambda start: fmean(trials[start]), default=own)
    others = [cost for seed, cost in results.seeds.items() if seed != results.params.seed]
    cheaper = (sum(cost < bits for cost in others), len(others)) if others and bits is not None else None
    return {
        "training_bits": training_bits,
        "unseen_more": None if bits is None else bits - training_bits,
        "first": first,
        "jumped": losses[peak] > RISEN * first,
        "peak": losses[peak],
        "peak_update": peak,
        "saturated": list(results.curves["saturated_fraction"].values())[-1],
        "cheaper": cheaper,
        "mended": None if lowest == own else lowest,
    }


def _ladder(results: Results) -> Picture:
    """Return the picture that compares this run with counted n-grams and with the study, in bits per character."""
    bits, levels = results.train.held_out_bits_per_character, results.text.bits_per_character.model_dump()
    marks = [(name if name == "uniform" else f"in-sample {name}", GREY, [level]) for name, level in levels.items()]
    marks += [(f"AdaGrad from {start:g}", color_of(start), own) for start, own in bits_of(results.study).items()]
    marks += [] if bits is None else [(OWN, BLUE, [bits])]
    rows = sorted(marks, key=lambda row: -fmean(row[2]))
    with drawing(0.65 + 0.24 * len(rows), 1.3) as (figure, (axes,)):
        for place, (name, color, values) in enumerate(rows):
            mean, marker, weight = fmean(values), *(("D", "bold") if name == OWN else ("o", "normal"))
            axes.plot([0, mean], [place, place], color=FAINT, linewidth=0.8, zorder=0)
            axes.plot(values, [place] * len(values), marker, color=color, ms=5 if len(values) == 1 else 3)
            axes.annotate(
                f"{mean:.3f}", (max(values), place), xytext=(8, 0), textcoords="offset points", va="center_baseline",
                weight=weight,
            )  # fmt: skip
        axes.set_yticks(range(len(rows)), [name for name, *_ in rows])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(0, max(1.18 * max(max(values) for *_, values in rows), 1e-3))
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("bits per character (lower is better)")
    caption = (
        "A uniform guess knows nothing about the text. N-grams are counted in the same text on which they are measured "
        "(in-sample). The model is measured on unseen text, which is harder."
    )
    if results.study:
        caption += (
            " AdaGrad from 0 and from 10: the published recipe and its cure in the committed study of this text. A dot "
            "is a seed; the number is the mean of the seeds."
        )
    table = [(name, f"{fmean(v):.6f}", f"{min(v):.6f}", f"{max(v):.6f}") for name, _, v in rows]
    return pictured(
        figure, "ladder", "bits per character of this run and of counting", caption,
        Table(("what", "bits per character", "lowest", "highest"), table),
    )  # fmt: skip


def _hydra_value(text: str) -> str:
    """Return the text as a value of an override of `dvc exp run -S`: in quotes if Hydra could not read it without."""
    return text if PLAIN.fullmatch(text) else "'" + text.replace("'", r"\'") + "'"
