"""An answer as rows of cells. All rows of a table have the same number of decimals."""

from collections.abc import Callable, Iterator

from seedpairs.data_types import AVERAGE, Answer, Contrast
from seedpairs.effects import shown_effects
from seedpairs.numbers import decimals, p_shown, percent, shown, span
from seedpairs.sentences import PERCENT, amount, name, places_of, verdict

HEAD = ("setting", "n", "mean", "sd", f"{PERCENT} interval")
COMPARED = (*HEAD, "difference", f"{PERCENT} interval of the difference", "adjusted p", "verdict")
EFFECTS = ("over all other params", "first - second", "interval that decides", "adjusted p", "level", "verdict")
BASELINE = "baseline"


def rows(answer: Answer) -> list[tuple[str, ...]]:
    """Return a row of cells for each setting, with the columns HEAD."""
    return [row[: len(HEAD)] for row in table(answer)]


def table(answer: Answer) -> Iterator[tuple[str, ...]]:
    """Yield a row of cells for each setting, with the columns COMPARED: its values, its difference from the baseline.

    The baseline's row has no difference.
    """
    of_means, places = places_of_means(answer), places_of(answer.comparisons)
    contrasts = {x.setting: x for x in answer.comparisons}
    for own in answer.summaries:
        row = own.setting, f"{own.n}", shown(own.mean, of_means), shown(own.sd, of_means), span(own.interval, of_means)
        if x := contrasts.get(own.setting):
            numbers = shown(x.mean_difference, places), span(x.interval, places), p_shown(x.adjusted_p)
            yield *row, *numbers, verdict(x)
        else:
            yield *row, "", "", "", BASELINE


def effect_rows(answer: Answer, verdict: Callable[[Contrast], str] = verdict) -> Iterator[tuple[str, ...]]:
    """Yield a row of cells for each effect of shown_effects, with the columns EFFECTS.

    verdict  the function that returns the text of the last column
    """
    effects = shown_effects(answer)
    places = places_of(effects, tested=True)
    for x in effects:
        level = percent(x.tested_level) if x.tested_interval else "-"
        numbers = (shown(x.mean_difference, places), span(x.tested_interval, places), p_shown(x.adjusted_p))
        yield (name(x) + amount(x, answer) * (x.kind == AVERAGE), *numbers, level, verdict(x))


def places_of_means(answer: Answer) -> int:
    """Return the number of decimals for the settings' means: at least the number of decimals of the differences."""
    of_means = decimals([own.mean for own in answer.summaries], [own.sd for own in answer.summaries])
    return max(of_means, places_of(answer.comparisons))
