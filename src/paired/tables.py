"""An answer as rows of cells. All rows of a table have the same number of decimals."""

from collections.abc import Callable, Iterator

from paired.data_types import AVERAGE, INTERACTION, Answer, Contrast
from paired.effects import shown_effects
from paired.numbers import decimals, p_shown, percent, shown, span
from paired.sentences import PERCENT, amount, name, places_of, verdict

HEAD = ("setting", "n", "mean", "sd", f"{PERCENT} interval")
COMPARED = (*HEAD, "difference", f"{PERCENT} interval of the difference", "adjusted p", "verdict")
EFFECTS = ("over all other params", "first - second", "interval that decides", "adjusted p", "level", "verdict")
BASELINE = "baseline"


def rows(answer: Answer) -> list[tuple[str, ...]]:
    """Return a row of cells for each setting, with the columns HEAD. All rows have the same number of decimals."""
    places = places_of_means(answer)
    return [
        (own.setting, f"{own.n}", shown(own.mean, places), shown(own.sd, places), span(own.interval, places))
        for own in answer.summaries
    ]


def table(answer: Answer) -> Iterator[tuple[str, ...]]:
    """Yield a row of cells for each setting, with the columns COMPARED: its values, its difference from the baseline.

    The baseline's row has no difference.
    """
    places = places_of(answer.comparisons)
    contrasts = {
        x.setting: (
            shown(x.mean_difference, places), span(x.interval, places), p_shown(x.adjusted_p), verdict(x),
        )
        for x in answer.comparisons
    }  # fmt: skip
    for row in rows(answer):
        yield *row, *contrasts.get(row[0], ("", "", "", BASELINE))


def effect_rows(answer: Answer, verdict: Callable[[Contrast], str] = verdict) -> Iterator[tuple[str, ...]]:
    """Yield a row of cells for each effect of shown_effects, with the columns EFFECTS.

    verdict  the function that returns the text of the last column
    """
    places = places_of((x for x in answer.effects if x.kind != INTERACTION), tested=True)
    for x in shown_effects(answer):
        level = percent(x.tested_level) if x.tested_interval else "-"
        numbers = (shown(x.mean_difference, places), span(x.tested_interval, places), p_shown(x.adjusted_p))
        yield (name(x) + amount(x, answer) * (x.kind == AVERAGE), *numbers, level, verdict(x))


def places_of_means(answer: Answer) -> int:
    """Return the number of decimals for the settings' means: at least the number of decimals of the differences."""
    means = [own.mean for own in answer.summaries if own.mean is not None]
    of_means = decimals(means, (own.sd for own in answer.summaries if own.sd is not None))
    return max(of_means, places_of(answer.comparisons))
