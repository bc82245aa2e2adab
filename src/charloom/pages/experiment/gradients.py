"""The section on the gradient check: its errors, compared with Table 1 of the published report."""

from charloom.pages.experiment.experiment_files import Results
from charloom.pages.sections import Section, Table

HEADS = (
    "weights", "complex step, zero state", "complex step, carried state", "entries",
    "entries that are zero on both sides", "central differences, as in the report", "the report’s figures",
)  # fmt: skip


def section(results: Results) -> Section:
    """Return the section with the errors of the gradient check, a row for each of W, U, V, b and c."""
    zero, carried = dict(results.gradcheck.zero), dict(results.gradcheck.carried)
    published = dict(results.published.gradient_check)
    rows = [
        (
            name, f"{errors.max_relative_error:.1e}", f"{carried[name].max_relative_error:.1e}", f"{errors.entries:,}",
            f"{errors.entries_zero:,}", f"{errors.report_relative_error:.2e}", f"{published[name]:.2e}",
        )
        for name, errors in zero.items()
    ]  # fmt: skip
    it = {
        "table": Table(HEADS, rows),
        "worst": max(errors.max_relative_error for errors in (*zero.values(), *carried.values())),
        "published_worst": max(published.values()),
    }
    return Section("gradients", "Are the gradients right?", it)
