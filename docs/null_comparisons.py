"""Draw docs/null_comparisons.png: 100 comparisons of a setting with itself. `python docs/null_comparisons.py`."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import ttest_1samp

from seedpairs.statistics import moments, student_interval, student_p

COMPARISONS, SEEDS, FIRST = 100, 10, 3
ROUNDS = 20_000
SPREAD = 0.08  # bits: the standard deviation over seeds with the published recipe
BLUE, VERMILION = "#0072b2", "#d55e00"


def main() -> None:
    """Simulate, draw, and print how many of each kind claim a difference, of these and of many more."""
    sides = np.random.default_rng(1).normal(2.876, SPREAD, (COMPARISONS, 2, SEEDS))
    differences = sides[:, 1] - sides[:, 0]
    at_ten = [(each, SEEDS) for each in differences]
    until_told = [(each, next((n for n in range(FIRST, SEEDS) if told(each[:n])), SEEDS)) for each in differences]
    figure, panels = plt.subplots(2, 1, figsize=(8, 5.6), sharex=True, sharey=True, layout="constrained")
    for panel, ways, title in (
        (panels[0], at_ten, "one look, after ten seeds"),
        (panels[1], until_told, "a look after each seed from the third on, the end at p < 0.05"),
    ):
        claims = 0
        for at, (each, n) in enumerate(ways):
            low, high = student_interval(moments(each[:n]), 0.95)
            claims += told(each[:n])
            color = VERMILION if told(each[:n]) else BLUE
            panel.plot([at, at], [low, high], color=color, linewidth=1.6)
            panel.plot(at, each[:n].mean(), ".", color=color, markersize=4)
        panel.axhline(0, color="black", linewidth=0.8)
        panel.set_title(f"{title}: {claims} of {COMPARISONS} claim a difference", loc="left", fontsize=10)
        panel.set_ylabel("difference, bits per character")
        panel.set_ylim(-0.25, 0.25)
        panel.spines[["top", "right"]].set_visible(False)
        print(title, claims)
    many = np.random.default_rng(2).normal(size=(ROUNDS, SEEDS))
    ps = [ttest_1samp(many[:, :n], 0, axis=1).pvalue for n in range(FIRST, SEEDS + 1)]
    print(f"of {ROUNDS:,} such studies with all looks: {np.mean(np.min(ps, axis=0) < 0.05):.1%}")
    panels[1].set_xlabel("comparison")
    figure.savefig(Path(__file__).with_suffix(".png"), dpi=110)


def told(differences: np.ndarray) -> bool:
    """Return whether p is below 0.05."""
    return student_p(moments(differences)) < 0.05


if __name__ == "__main__":
    main()
