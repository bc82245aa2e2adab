"""The verdict: what was trained on what, and what it came to beside what counting alone gets to."""

import shlex

from matplotlib.ticker import MaxNLocator

from charloom.pages.experiment.results import Results
from charloom.pages.inline import BLUE, FAINT, GREY, INK, drawing, inline
from charloom.pages.page import Picture, Section, Table
from charloom.settings.experiment import experiment_key, naming_params


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
        "hashes": Table(
            ("", "SHA-256"),
            (("the text", text.sha256), ("the experiment: params and text", experiment_key(params, text.sha256))),
        ),
        "again": f"dvc exp run {text_of} {again}",
    }
    return Section("verdict", "What it came to", it)


def _ladder(results: Results) -> Picture:
    """Return the bits per character of this run beside those of counting, on one scale."""
    bits, levels = results.train.held_out_bits_per_character, results.text.bits_per_character.model_dump()
    rows = sorted(
        [(name if name == "uniform" else f"in-sample {name}", value, False) for name, value in levels.items()]
        + ([] if bits is None else [("this run, held-out", bits, True)]),
        key=lambda row: -row[1],
    )
    with drawing(0.55 + 0.24 * len(rows)) as figure:
        axes = figure.subplots()
        for place, (_, value, own) in enumerate(rows):
            axes.plot([0, value], [place, place], color=FAINT, linewidth=0.8, zorder=0)
            axes.plot([value], [place], "D" if own else "o", color=BLUE if own else GREY, ms=5)
            axes.annotate(
                f"{value:.3f}", (value, place), xytext=(8, 0), textcoords="offset points", va="center_baseline",
                color=INK, weight="bold" if own else "normal",
            )  # fmt: skip
        axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(0, max(1.18 * max(value for _, value, _ in rows), 1e-3))
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("bits per character (lower is better)")
    said = ", ".join(f"{name} {value:.3f}" for name, value, _ in rows)
    return Picture(
        inline(figure, "ladder", "Bits per character of this run and of counting", f"From the worst: {said}."),
        "A uniform guess knows nothing. N-grams are counted in the very text that they are measured on (in-sample), "
        "so a model that has to read unseen text has it harder than they have.",
        Table(("", "bits per character"), [(name, f"{value:.6f}") for name, value, _ in rows]),
        "bits per character",
    )
