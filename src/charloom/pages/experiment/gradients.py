"""The gradient check, beside the published one: its Table 1."""

from charloom.pages.experiment.results import Results
from charloom.pages.gradient_table import NAMES
from charloom.pages.page import Section, Table


def section(results: Results) -> Section:
    """Return the section."""
    zero, carried = results.gradcheck.zero.model_dump(), results.gradcheck.carried.model_dump()
    table = Table(
        (
            "weights", "complex step, zero state", "complex step, carried state", "entries",
            "of these zero on both sides", "central differences, as in the report", "the report’s own",
        ),
        [
            (
                name,
                f"{zero[name]['max_relative_error']:.1e}",
                f"{carried[name]['max_relative_error']:.1e}",
                f"{zero[name]['entries']:,}",
                f"{zero[name]['entries_zero']:,}",
                f"{zero[name]['report_relative_error']:.2e}",
                f"{getattr(results.published.gradient_check, name):.2e}",
            )
            for name in NAMES
        ],
    )  # fmt: skip
    it = {
        "table": table,
        "worst": max(each["max_relative_error"] for state in (zero, carried) for each in state.values()),
        "published": results.published,
        "published_worst": max(results.published.gradient_check.model_dump().values()),
        "tolerance": results.params.gradcheck.tolerance,
    }
    return Section("gradients", "Are the gradients right?", it)
