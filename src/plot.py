"""plot: the curve as a picture, and the gradient check as a table beside the published one."""

from typing import Any

import charloom.environment  # noqa: F401  first: a foreign Python is refused in a line

import numpy as np
from ruamel.yaml import YAML

from charloom.figures import smooth_loss_figure
from charloom.pipeline import files, read_json, run, write
from charloom.rnn import NAMES


def main() -> None:
    """Draw and tabulate what the stages before have written."""
    path = files("plot")
    prepare, train = read_json(path["metrics/prepare"]), read_json(path["metrics/train"])
    published = YAML(typ="safe", pure=True).load(path["data/dd2424_report"])
    updates, smooth_loss = np.loadtxt(path["plots/smooth_loss"], delimiter=",", skiprows=1, ndmin=2).T
    picture = smooth_loss_figure(
        updates,
        smooth_loss,
        epoch_ends=list(range(train["updates_per_epoch"], train["updates"], train["updates_per_epoch"])),
        levels=prepare["nats_per_sequence"],
        best=(train["best_update"], train["best_smooth_loss"]),
        published=published["smooth_loss"],
    )
    write(path["reports/smooth_loss"], picture)
    write(
        path["reports/gradient_check"],
        _gradient_table(read_json(path["reports/gradcheck"]), published["gradient_check"]),
    )
    print(f"made {path['reports/smooth_loss']} and {path['reports/gradient_check']}")


def _gradient_table(measured: dict[str, Any], published: dict[str, Any]) -> str:
    """Return a Markdown table of relative errors, a row per matrix, the report's own check beside its figures."""
    zero, carried = measured["zero"], measured["carried"]
    rows = [
        "| | complex step, h_0 = 0 | complex step, carried h_0 | entries compared | zero on both sides "
        "| central differences, h_0 = 0 | published |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {name} | {zero[name]['max_relative_error']:.1e} | {carried[name]['max_relative_error']:.1e} "
            f"| {zero[name]['entries']:,} | {zero[name]['entries_zero']:,}, {carried[name]['entries_zero']:,} "
            f"| {zero[name]['report_relative_error']:.6e} | {published[name]:.6e} |"
            for name in NAMES
        ),
    ]
    return (
        "Largest relative error of the analytic gradient, before clipping, at the initial weights.\n\n"
        + "\n".join(rows)
        + "\n\nComplex step: every entry, or as many as the column says. "
        "Central differences: step 1e-4, the first 20 entries of each, relative to the larger + 1e-10; "
        "at sigma = 0.01 they measure the rounding of their own subtraction.\n"
    )


run(main)
