"""The gradient check, beside the published one: its Table 1."""

from charloom.pages.experiment.experiment_files import Results
from charloom.pages.sections import Section, Table

HEADS = (
    "weights", "complex step, zero state", "complex step, carried state", "entries",
    "of these zero on both sides", "central differences, as in the report", "the report’s own",
)  # fmt: skip


def section(results: Results) -> Section:
    """Return the section."""
    zero, carried = dict(results.gradcheck.zero), dict(results.gradcheck.carried)
    published = dict(results.published.gradient_check)
    rows = [
        (
            name, f"{each.max_relative_error:.1e}", f"{carried[name].max_relative_error:.1e}", f"{each.entries:,}",
            f"{each.entries_zero:,}", f"{each.report_relative_error:.2e}", f"{published[name]:.2e}",
        )
        for name, each in zero.items()
    ]  # fmt: skip
    it = {
        "table": Table(HEADS, rows),
        "worst": max(each.max_relative_error for each in (*zero.values(), *carried.values())),
        "published_worst": max(published.values()),
    }
    return Section("gradients", "Are the gradients right?", it)
