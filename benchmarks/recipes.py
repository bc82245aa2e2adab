"""Two recipes of AdaGrad, three seeds each, by what held-out text costs along the way; draw docs/comparison.png.

On *Moby Dick*, at the settings of params.yaml, a point every 2,500 updates, each of all the held-out text. Every run
has the bits that the pipeline gives it, on any processor.
"""

import matplotlib as mpl
from matplotlib.figure import Figure
from training import PARAMS, ROOT, TEXT, trained

from charloom.model.scoring import bits_per_character
from charloom.pages.figures import BLUE, STYLE, VERMILION, png

EVERY, SEEDS = 2500, (1, 2, 3)
RECIPES = (("as published: accumulator starts at 0", 0.0, VERMILION), ("accumulator starts at 10", 10.0, BLUE))


def curve(seed: int, initial_accumulator_value: float) -> dict[int, float]:
    """Return bits per character of the held-out text by updates."""
    rows = trained(PARAMS.eta, seed, initial_accumulator_value, EVERY)
    states = (each.state for each in rows)
    return {state.update: bits_per_character(state.theta, TEXT.held_out, state.h) for state in states}


def main() -> None:
    """Train and draw."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 3.6), dpi=200, layout="constrained")
        axes = figure.subplots()
        later = []  # of the first twentieth only what fits is drawn
        for name, value, color in RECIPES:
            curves = [curve(seed, value) for seed in SEEDS]
            for each in curves:
                axes.plot(list(each), list(each.values()), color=color, linewidth=0.9)
                later += [bits for update, bits in each.items() if update >= PARAMS.train.updates / 20]
            ends = sorted(each[PARAMS.train.updates] for each in curves)
            print(f"{name}: {', '.join(f'{end:.3f}' for end in ends)}", flush=True)
            axes.annotate(
                f"{name}\nseeds {', '.join(map(str, SEEDS))}: {ends[0]:.2f} to {ends[-1]:.2f}",
                (1, sum(ends) / len(ends)), xycoords=("axes fraction", "data"), xytext=(8, 0),
                textcoords="offset points", va="center", color=color, fontsize=8,
            )  # fmt: skip
        axes.set_xlim(0, PARAMS.train.updates)
        axes.set_ylim(min(later) - 0.05, max(later) + 0.05)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel("updates")
        axes.set_ylabel("held-out bits per character")
        axes.set_title(
            f"Moby Dick, m = {PARAMS.m}, eta = {PARAMS.eta}: one line for each seed, lower is better",
            loc="left", fontsize=9,
        )  # fmt: skip
    (ROOT / "docs/comparison.png").write_bytes(png(figure))


if __name__ == "__main__":
    main()
