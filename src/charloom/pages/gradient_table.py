"""The gradient check as a table, beside the published one."""

from pathlib import Path

from ruamel.yaml.error import YAMLError

from charloom.base.errors import Damaged
from charloom.base.yaml_text import parsed
from charloom.results.records import GradcheckErrors, Matrices, PublishedFigures

NAMES = tuple(Matrices.model_fields)


def read_published(path: Path) -> PublishedFigures:
    """Return the published figures. Raises Damaged, naming the file, where they are not there."""
    try:
        return PublishedFigures.model_validate(parsed(path.read_text(encoding="utf-8")))
    except (OSError, YAMLError, ValueError) as error:
        raise Damaged(f"{path}: {' '.join(str(error).split())}; `git checkout {path}` brings it back") from None


def gradient_table(measured: GradcheckErrors, published: Matrices[float]) -> str:
    """Return a Markdown table of relative errors, a row per matrix, the report's own check beside its figures."""
    zero, carried = measured.zero.model_dump(), measured.carried.model_dump()
    rows = [
        "| | complex step, h_0 = 0 | complex step, carried h_0 | entries | of these zero on both sides "
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
