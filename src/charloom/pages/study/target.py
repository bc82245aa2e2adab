"""Time to the target: when each seed came below it first, and how many never did."""

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from charloom.pages.figures import update_label
from charloom.pages.inline import PAPER
from charloom.pages.page import Picture, Section, Table
from charloom.pages.study.names import breakable
from charloom.pages.study.results import Results
from charloom.pages.study.rows import rows_picture
from paired import sentences as words


def section(results: Results) -> Section | None:
    """Return the section; None where no training reached a target."""
    answer = results.answer
    if not answer.target or not any(each.reached for each in answer.summaries):
        return None
    return Section("target", "Time to the target", _picture(results))


def nothing(results: Results) -> str:
    """Return in a sentence that no training reached the target; nothing where one has, or where there is none."""
    answer, budget = results.answer, results.measured.budget
    if not answer.target or any(each.reached for each in answer.summaries):
        return ""
    trials = sum(each.trials for each in answer.summaries)
    within = f", within {budget:,} updates" if budget else ""
    return f"None of the {trials:,} trainings came to the target, {answer.target}{within}."


def _picture(results: Results) -> Picture:
    """Return for each setting the updates after which its seeds reached the target, and those that never did."""
    rows, summaries = results.rows, results.summaries
    reached = {
        name: [trial.reached for trial in trials.values() if trial.reached is not None]
        for name, trials in results.measured.settings.items()
    }
    last = results.measured.budget or max(update for each in reached.values() for update in each)

    def draw(axes: Axes) -> None:
        axes.set_xlim(0, last)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_major_formatter(update_label)
        for place, row in enumerate(rows):
            own, each = reached[row.setting], summaries[row.setting]
            axes.plot(own, [place] * len(own), "o", ms=3, color=row.color, mec=PAPER, mew=0.4, clip_on=False, zorder=4)
            if len(own) < each.trials:
                axes.plot([last], [place], ">", color=row.color, mfc="none", ms=6, clip_on=False, zorder=3)
            if own and each.mean_time is not None:
                axes.plot([each.mean_time] * 2, [place - 0.2, place + 0.2], color=row.color, linewidth=1.4)

    counts = {name: f"reached by {len(each)} of {summaries[name].trials}" for name, each in reached.items()}
    said = "; ".join(f"{name}: {each}" for name, each in counts.items())
    svg = rows_picture(
        rows, [f"{row.setting}: {counts[row.setting]}" for row in rows], "updates", draw, "target-picture",
        f"Updates to the target, {results.answer.target}", said,
    )  # fmt: skip
    return Picture(
        svg,
        "A dot is a seed, at the update where it came below the target first; an open triangle at the edge stands for "
        "those that never did. A stroke is the mean, where those count with all their updates.",
        _table(results),
        "updates to the target",
    )


def _table(results: Results) -> Table:
    """Return of each setting how many seeds reached it, their mean, and the interval of the difference."""
    comparisons = results.comparisons
    return Table(
        ("setting", "reached", "of", "updates, mean", f"{words.PERCENT} interval of the difference"),
        [
            (
                breakable(each.setting), f"{each.reached}", f"{each.trials}", words.shown(each.mean_time, 0),
                words.span(comparisons[each.setting].time_interval, 0) if each.setting in comparisons else "",
            )
            for each in results.answer.summaries
        ],
    )  # fmt: skip
