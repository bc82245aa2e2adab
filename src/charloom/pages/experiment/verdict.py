"""The verdict: what was trained on what, and what it came to beside what counting alone gets to."""

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
NEAR = 0.05  # bits per character by which unseen text and the last that was read may differ and cost "about the same"


def section(results: Results) -> Section:
    """Return the section."""
    params, text_sha256 = results.params, results.text.sha256
    again = " ".join(f"-S {shlex.quote(f'{name}={as_yaml(value)}')}" for name, value in naming_params(params).items())
    text_of = f"-S {shlex.quote(f'prepare.text={params.prepare.text}')}"
    it = {
        "study": {
            start: (fmean(bits), min(bits), max(bits), len(bits)) for start, bits in bits_of(results.study).items()
        },
        "concluded": concluded(results),
        "near": NEAR,
        "risen": RISEN,
        "limit": SATURATED,
        "hashes": [
            ("the text", text_sha256),
            ("the experiment: its params and its text", experiment_key(params, text_sha256)),
            ("the results: weights and trace", results.results),
        ],
        "again": f"dvc exp run {text_of} {again}",
    }
    return Section("verdict", "What it came to", it, [_ladder(results)])


def concluded(results: Results) -> dict[str, Any]:
    """Return what there is to say first.

    training_bits  smooth loss at the end, in bits per character
    unseen_more    how many bits more unseen text costs than that; None where none was held out
    first, peak    the first loss and the highest of the first updates, and after how many updates that was
    saturated      the share of saturated hidden units at the end
    means          the study's mean by AdaGrad's start
    cheaper        of the other seeds with this run's settings in studies, how many cost less, and how many there are;
                   None without another seed
    mended         the start whose mean is lowest, where it is not this run's
    """
    train, own = results.train, results.params.train.initial_accumulator_value
    losses = {update: loss for update, loss in results.curves["loss"].items() if update < FIRST_LOSSES}
    training_bits = train.smooth_loss / results.params.seq_length / LN2
    bits, peak = train.held_out_bits_per_character, max(losses, key=lambda update: losses[update])
    trials = bits_of(results.study) if results.has_published_recipe else {}
    means = {value: fmean(each) for value, each in trials.items()}
    lowest = min(means, key=lambda value: means[value], default=own)
    others = [cost for seed, cost in results.seeds.items() if seed != results.params.seed]
    cheaper = (sum(cost < bits for cost in others), len(others)) if others and bits is not None else None
    return {
        "training_bits": training_bits,
        "unseen_more": None if bits is None else bits - training_bits,
        "first": next(iter(losses.values())),
        "peak": losses[peak],
        "peak_update": peak,
        "saturated": list(results.curves["saturated_fraction"].values())[-1],
        "means": means,
        "cheaper": cheaper,
        "mended": None if lowest == own else lowest,
    }


def _ladder(results: Results) -> Picture:
    """Return the bits per character of this run beside those of counting and of the study, on one scale."""
    bits, levels = results.train.held_out_bits_per_character, results.text.bits_per_character.model_dump()
    found = [(name if name == "uniform" else f"in-sample {name}", GREY, [level]) for name, level in levels.items()]
    found += [(f"AdaGrad from {start:g}", color_of(start), own) for start, own in bits_of(results.study).items()]
    found += [] if bits is None else [(OWN, BLUE, [bits])]
    rows = sorted(found, key=lambda row: -fmean(row[2]))
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
        "A uniform guess knows nothing. N-grams are counted in the very text that they are measured on (in-sample), "
        "so a model that has to read unseen text has it harder than they have."
    )
    if results.study:
        caption += (
            " AdaGrad from 0 and from 10: the published recipe and its cure in the committed study of this text, a "
            "dot for each seed; the number is their mean."
        )
    table = [(name, f"{fmean(v):.6f}", f"{min(v):.6f}", f"{max(v):.6f}") for name, _, v in rows]
    return pictured(
        figure, "ladder", "bits per character of this run and of counting", caption,
        Table(("what", "bits per character", "lowest", "highest"), table),
    )  # fmt: skip
