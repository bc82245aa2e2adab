"""The verdict: what was trained on what, and what it came to beside what counting alone gets to."""

import shlex
from statistics import fmean

from matplotlib.ticker import MaxNLocator

from charloom.pages.experiment.results import Results
from charloom.pages.experiment.study_rows import StudyRow
from charloom.pages.inline import BLUE, FAINT, GREEN, GREY, drawing, inline
from charloom.pages.page import Picture, Section, Table
from charloom.settings.experiment import experiment_key, naming_params

OWN = "this run, held-out"


def section(results: Results) -> Section:
    """Return the section."""
    params, text, train = results.params, results.text, results.train
    again = " ".join(f"-S {shlex.quote(f'{name}={value}')}" for name, value in naming_params(params).items())
    text_of = f"-S {shlex.quote(f'prepare.text={params.prepare.text}')}"
    it = {
        "text": text,
        "train": train,
        "name": params.prepare.text,
        "picture": _ladder(results),
        "study": {
            value: (fmean(bits), min(bits), max(bits), len(bits)) for value, bits in by_start(results.study).items()
        },
        "hashes": [
            ("the text", text.sha256),
            ("the experiment: its params and its text", experiment_key(params, text.sha256)),
            ("the results: weights and trace", results.results),
        ],
        "again": f"dvc exp run {text_of} {again}",
    }
    return Section("verdict", "What it came to", it)


def by_start(trials: list[StudyRow]) -> dict[float, list[float]]:
    """Return the trials' held-out bits per character by what AdaGrad's accumulator started at."""
    starts = sorted({trial.initial_accumulator_value for trial in trials})
    return {
        value: [t.held_out_bits_per_character for t in trials if t.initial_accumulator_value == value]
        for value in starts
    }


def _ladder(results: Results) -> Picture:
    """Return the bits per character of this run beside those of counting and of the study, on one scale."""
    bits, levels = results.train.held_out_bits_per_character, results.text.bits_per_character.model_dump()
    named = {name if name == "uniform" else f"in-sample {name}": [value] for name, value in levels.items()}
    named |= {f"AdaGrad from {value:g}": trials for value, trials in by_start(results.study).items()}
    if bits is not None:
        named[OWN] = [bits]
    rows = sorted(named.items(), key=lambda row: -fmean(row[1]))
    with drawing(0.65 + 0.24 * len(rows), 1.3) as figure:
        axes = figure.subplots()
        for place, (name, values) in enumerate(rows):
            color, mean = BLUE if name == OWN else GREEN if len(values) > 1 else GREY, fmean(values)
            axes.plot([0, mean], [place, place], color=FAINT, linewidth=0.8, zorder=0)
            axes.plot(
                values, [place] * len(values), "D" if name == OWN else "o", color=color, ms=5 / len(values) ** 0.2
            )
            axes.annotate(
                f"{mean:.3f}", (max(values), place), xytext=(8, 0), textcoords="offset points", va="center_baseline",
                weight="bold" if name == OWN else "normal",
            )  # fmt: skip
        axes.set_yticks(range(len(rows)), [name for name, _ in rows])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(0, max(1.18 * max(max(values) for _, values in rows), 1e-3))
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("bits per character (lower is better)")
        said = ", ".join(f"{name} {fmean(values):.3f}" for name, values in rows)
        svg = inline(figure, "ladder", "Bits per character of this run and of counting", f"From the worst: {said}.")
    seeds = max((len(values) for _, values in rows), default=1)
    return Picture(
        svg,
        "A uniform guess knows nothing. N-grams are counted in the very text that they are measured on (in-sample), "
        "so a model that has to read unseen text has it harder than they have."
        + (
            f" AdaGrad from 0 and from 10: the published recipe and its cure in the committed study of this text, "
            f"{seeds} seeds each, a dot a seed, and their mean." if seeds > 1 else ""
        ),
        Table(
            ("what", "bits per character", "lowest", "highest"),
            [(name, f"{fmean(v):.6f}", f"{min(v):.6f}", f"{max(v):.6f}") for name, v in rows],
        ),
        "bits per character",
    )  # fmt: skip
