"""Pictures for print."""

import io
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

STYLE: Any = {
    "font.family": "serif",
    "font.serif": ["STIXGeneral"],
    "mathtext.fontset": "stix",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
}


def smooth_loss_figure(
    smooth_loss: dict[int, float],
    *,
    epoch_ends: list[int],
    levels: dict[str, float],
    best: tuple[int, float],
    published: dict[int, float],
) -> bytes:
    """Return a PNG: smooth loss (nats per sequence) against updates.

    smooth_loss  by update
    levels       what counting alone reaches, as labelled horizontal lines
    epoch_ends   updates at which reading starts again
    best         update and smooth loss of the lowest point
    published    the source report's curve, on another novel; empty where a sequence has another length
    """
    updates = list(smooth_loss)
    shown = {update: loss for update, loss in published.items() if update <= updates[-1]}
    everything = [*smooth_loss.values(), *levels.values(), *shown.values()]
    blue, rust = "#1f4e79", "#b5532a"
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.3, 3.7), dpi=200, layout="constrained")
        axes = figure.add_subplot()
        axes.set_xlim(0, max(updates[-1], best[0], 1))  # the lowest point may lie behind the last of the curve
        axes.set_ylim(min(everything) - 4, max(everything) + 4)
        for name, level in levels.items():
            axes.axhline(level, color="0.6", linewidth=0.6, linestyle=(0, (4, 3)))
            axes.annotate(
                f"{name}\n{level:.1f}",
                (1, level),
                xycoords=("axes fraction", "data"),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                color="0.35",
                fontsize=7.5,
            )
        for end in epoch_ends:
            axes.axvline(end, color="0.6", linewidth=0.6, linestyle=":")
        point = "o" if len(updates) == 1 else ""  # a line needs two
        curve: Any = {"color": blue, "linewidth": 0.9, "marker": point, "markersize": 3, "clip_on": not point}
        axes.plot(updates, list(smooth_loss.values()), label="this run", **curve)
        label = f"lowest: {best[1]:.2f} after {best[0]:,} update{'s' if best[0] != 1 else ''}"
        axes.plot(*best, "v", markersize=4, color=blue, label=label, clip_on=False)
        if shown:
            label = "published run, on another novel"
            marks: Any = {"markersize": 3.2, "mfc": "none", "mec": rust, "mew": 0.8, "clip_on": False}
            axes.plot(list(shown), list(shown.values()), "o", label=label, **marks)
        axes.set_xlabel("updates" + (" (dotted: a new epoch begins)" if epoch_ends else ""))
        axes.set_ylabel("smooth loss (nats per sequence)")
        axes.locator_params(axis="x", integer=True)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        high = smooth_loss[updates[-1]] > sum(axes.get_ylim()) / 2  # a curve that has hardly fallen leaves room below
        place: Any = {"loc": "lower right" if high else "upper right", "bbox_to_anchor": (1, 0.05 if high else 0.95)}
        axes.legend(framealpha=1, edgecolor="none", **place)
        content = io.BytesIO()
        figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()
