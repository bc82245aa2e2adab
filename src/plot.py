"""plot: the curve as a picture, and the gradient check as a table beside the published one."""

from pathlib import Path

import charloom.environment  # noqa: F401  first: a foreign Python is refused in a line

import numpy as np
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from charloom.errors import Damaged
from charloom.figures import smooth_loss_figure
from charloom.pipeline import files, stage
from charloom.records import Checks, Matrices, Prepare, Published, Train
from charloom.rnn import NAMES
from charloom.storage import read_json, read_table, write


def main() -> None:
    """Draw and tabulate what the stages before have written."""
    path = files("plot")
    prepare, train = read_json(path["metrics/prepare"], Prepare), read_json(path["metrics/train"], Train)
    published = _published(path["data/dd2424_report"])
    smooth_loss = read_table(path["plots/smooth_loss"], "smooth_loss")["smooth_loss"]
    picture = smooth_loss_figure(
        np.array(list(smooth_loss)),
        np.array(list(smooth_loss.values())),
        epoch_ends=list(range(train.updates_per_epoch, train.updates, train.updates_per_epoch)),
        levels=prepare.nats_per_sequence.model_dump(),
        best=(train.best_update, train.best_smooth_loss),
        published=published.smooth_loss,
    )
    write(path["reports/smooth_loss"], picture)
    table = _gradient_table(read_json(path["reports/gradcheck"], Checks), published.gradient_check)
    write(path["reports/gradient_check"], table)
    print(f"made {path['reports/smooth_loss']} and {path['reports/gradient_check']}")


def _published(path: Path) -> Published:
    """Return the published figures. Raises Damaged, naming the file, where they are not there."""
    try:
        return Published.model_validate(YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")))
    except (OSError, YAMLError, ValueError) as error:
        raise Damaged(f"{path}: {' '.join(str(error).split())}; `git checkout {path}` brings it back") from None


def _gradient_table(measured: Checks, published: Matrices[float]) -> str:
    """Return a Markdown table of relative errors, a row per matrix, the report's own check beside its figures."""
    zero, carried = measured.zero.model_dump(), measured.carried.model_dump()
    rows = [
        "| | complex step, h_0 = 0 | complex step, carried h_0 | entries compared | zero on both sides "
        "| central differences, h_0 = 0 | published |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {name} | {zero[name]['max_relative_error']:.1e} | {carried[name]['max_relative_error']:.1e} "
            f"| {zero[name]['entries']:,} | {zero[name]['entries_zero']:,}, {carried[name]['entries_zero']:,} "
            f"| {zero[name]['report_relative_error']:.6e} | {getattr(published, name):.6e} |"
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


stage(main)
