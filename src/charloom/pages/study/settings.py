"""What each setting came to, every seed a dot, and its differences to the baseline, seed by seed."""

from charloom.pages.comparison_rows import Look, draw_differences, draw_settings, exploded, notes
from charloom.pages.inline import FAINT, GREY, PAPER
from charloom.pages.page import Picture, Section, Table
from charloom.pages.study.names import breakable
from charloom.pages.study.results import Results
from charloom.pages.study.rows import rows_picture
from paired import sentences as words
from paired.data_types import CANNOT_TELL, LEVEL, Seed
from paired.pairs import counted

LOOK = Look(PAPER, GREY, FAINT)


def section(results: Results) -> Section:
    """Return the section."""
    return Section("settings", "Each setting, seed by seed", [_settings(results), _differences(results)])


def _settings(results: Results) -> Picture:
    """Return the seeds of each setting, their mean and its interval."""
    rows, answer = results.rows, results.answer
    end = "lowest" if answer.better == "lower" else "highest"
    names = [
        f"{row.setting} {notes(row, results.measured)}".strip()
        + f" ({end} mean)" * (not results.few and row == rows[0])
        for row in rows
    ]
    svg = rows_picture(
        rows, names, f"{answer.measure} ({_arrow(results)})",
        lambda axes: draw_settings(axes, rows, answer, results.measured, LOOK),
        "settings-picture", f"Each setting: {answer.measure}",
        "; ".join(
            f"{name} {mean}" + f" ({words.PERCENT} interval {interval})" * (interval != "-")
            for name, _, mean, _, interval in words.rows(answer)
        ),
        () if results.few else results.decided,
    )  # fmt: skip
    caption = [f"A dot is a seed, a stroke their mean, a bar its {words.PERCENT} interval."]
    if any(exploded(row, results.measured) for row in rows):
        caption.append("A cross at the edge: exploded (diverged, or worse than a uniform guess).")
    if not results.few:
        caption.append(
            f"The {end} mean is on top, which is no verdict. In bold: settings that have one. Coloured: those whose "
            "curves are drawn below."
        )
    if len(rows) < len(answer.summaries):
        caption.append(f"Shown are the baseline and the best {len(rows) - 1}.")
    return Picture(svg, " ".join(caption), _seeds(results), f"{answer.measure} of each seed")


def _differences(results: Results) -> Picture:
    """Return the difference of each pair, their mean and its intervals."""
    rows, answer = results.rows, results.answer
    names = [
        f"{row.setting}: {words.verdict(row.comparison)}"
        if row.comparison and (results.few or row.comparison.verdict != CANNOT_TELL)
        else f"{row.setting}{' (baseline)' * (not row.comparison)}"
        for row in rows
    ]
    svg = rows_picture(
        rows, names, f"setting minus baseline ({_arrow(results)})",
        lambda axes: draw_differences(axes, rows, answer, results.measured, LOOK),
        "differences-picture", f"Difference to the baseline, paired by seed: {answer.measure}",
        "; ".join(f"{name}: {verdict}, {mean}" + f" ({words.PERCENT} interval {interval})" * (interval != "-")
                  for name, *_, mean, interval, _, verdict in words.table(answer) if mean),
        () if results.few else results.decided,
    )  # fmt: skip
    caption = [
        "A dot is a seed’s value minus the baseline’s with that seed, a stroke their mean, a bar its "
        f"{words.PERCENT} interval."
    ]
    if any((c := row.comparison) and c.tested_interval and c.tested_level != LEVEL for row in rows):
        caption.append(
            "The line between two strokes is the interval that decides, wider since all comparisons and looks count: "
            "better and worse need all of it on one side of 0. The bar alone decides nothing."
        )
    elif any(each.interval for each in answer.comparisons):
        caption.append("That interval decides: better and worse need all of it on one side of 0.")
    if answer.smallest_difference is not None:
        caption.append(f"The band: less than {answer.smallest_difference:g} does not matter.")
    if not results.few:
        caption.append(f"Where no verdict stands beside a name: {CANNOT_TELL}.")
    return Picture(svg, " ".join(caption), _pairs(results), "the difference of each pair")


def _arrow(results: Results) -> str:
    return "← better" if results.answer.better == "lower" else "better →"


def _seeds(results: Results) -> Table:
    """Return each setting's value of each seed."""
    seeds = list(dict.fromkeys(seed for trials in results.measured.settings.values() for seed in trials))
    places = _places(results)

    def cell(setting: str, seed: Seed) -> str:
        if (trial := results.measured.settings[setting].get(seed)) is None:
            return ""
        worth = counted(trial).value
        return "diverged" if worth is None else words.shown(worth, places) + " exploded" * trial.exploded

    return Table(
        ("setting", *(f"seed {seed}" for seed in seeds)),
        [(breakable(setting), *(cell(setting, seed) for seed in seeds)) for setting in results.measured.settings],
    )


def _pairs(results: Results) -> Table:
    """Return each setting's difference of each seed."""
    seeds, places = list(results.measured.settings[results.answer.baseline]), _places(results)

    def cell(differences: dict[Seed, float], seed: Seed) -> str:
        return words.shown(differences[seed], places) if seed in differences else ""

    return Table(
        ("setting", *(f"seed {seed}" for seed in seeds)),
        [
            (breakable(each.setting), *(cell(each.differences, seed) for seed in seeds))
            for each in results.answer.comparisons
        ],
    )


def _places(results: Results) -> int:
    """Return how many decimals a seed's value has: as many as the table of settings gives."""
    summaries = results.answer.summaries
    means = [each.mean for each in summaries if each.mean is not None]
    return words.decimals(means, (each.sd for each in summaries if each.sd is not None))
