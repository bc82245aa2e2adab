"""Time to the target: when each seed came below it first, and how many never did."""

from matplotlib.axes import Axes

from charloom.pages.along_updates import over_updates
from charloom.pages.pictures import pictured
from charloom.pages.sections import Picture, Section, Table
from charloom.pages.study.compared import Compared
from charloom.pages.study.setting_rows import draw_dots, in_rows
from paired import sentences as words


def section(compared: Compared) -> Section | None:
    """Return the section; None where no training reached a target."""
    reached = compared.answer.target and any(each.reached for each in compared.answer.summaries)
    return Section("target", "Time to the target", None, [_picture(compared)]) if reached else None


def nothing(compared: Compared) -> str:
    """Return in a sentence that no training reached the target; nothing where one has, or where there is none."""
    answer, budget = compared.answer, compared.measured.budget
    if not answer.target or any(each.reached for each in answer.summaries):
        return ""
    trials = sum(each.trials for each in answer.summaries)
    within = f", within {budget:,} updates" if budget else ""
    return f"None of the {trials:,} trainings came to the target, {answer.target}{within}."


def _picture(compared: Compared) -> Picture:
    """Return for each setting the updates after which its seeds reached the target, and those that never did."""
    rows, comparisons = compared.rows, compared.comparisons
    reached = [[trial.reached for trial in row.trials.values() if trial.reached is not None] for row in rows]
    last = compared.measured.budget or max(update for each in reached for update in each)

    def draw(axes: Axes) -> None:
        over_updates(axes, last)
        for place, (row, own) in enumerate(zip(rows, reached, strict=True)):
            draw_dots(axes, place, row.color, own)
            if len(own) < row.summary.trials:
                axes.plot([last], [place], ">", color=row.color, mfc="none", ms=6, clip_on=False, zorder=3)
            if own and row.summary.mean_time is not None:
                axes.plot([row.summary.mean_time] * 2, [place - 0.2, place + 0.2], color=row.color, linewidth=1.4)

    names = [f"{row.setting}: reached by {row.summary.reached} of {row.summary.trials}" for row in rows]
    table = Table(
        ("setting", "reached", "of", "updates, mean", f"{words.PERCENT} interval of the difference"),
        [
            (
                each.setting, f"{each.reached}", f"{each.trials}", words.shown(each.mean_time, 0),
                words.span(comparisons[each.setting].time_interval, 0) if each.setting in comparisons else "",
            )
            for each in compared.answer.summaries
        ],
    )  # fmt: skip
    return pictured(
        in_rows(rows, names, "updates", draw), "target-picture", f"updates to the target, {compared.answer.target}",
        "A dot is a seed, at the update where it came below the target first; an open triangle at the edge stands for "
        "those that never did. A stroke is the mean, where those count with all their updates.",
        table,
    )  # fmt: skip
