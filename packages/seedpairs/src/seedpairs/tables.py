"""An answer as rows of cells. All rows of a table have the same number of decimals."""

from collections.abc import Callable, Iterator

from seedpairs.data_types import AVERAGE, Analysis, Contrast
from seedpairs.effects import shown_effects
from seedpairs.numbers import decimals, p_shown, percent, shown, span
from seedpairs.sentences import PERCENT, amount, name, places_of, verdict

HEAD = ("setting", "n", "mean", "sd", f"{PERCENT} interval")
COMPARED = (*HEAD, "difference", f"{PERCENT} interval of the difference", "adjusted p", "verdict")
EFFECTS = ("over all other params", "first - second", "interval that decides", "adjusted p", "level", "verdict")
BASELINE = "baseline"


def rows(analysis: Analysis) -> list[tuple[str, ...]]:
    """Return a row of cells for each setting, with the columns HEAD."""
    return [row[: len(HEAD)] for row in table(analysis)]


def table(analysis: Analysis) -> Iterator[tuple[str, ...]]:
    """Yield a row of cells for each setting, with the columns COMPARED. The baseline has no difference."""
    of_means, places = places_of_means(analysis), places_of(analysis.comparisons)
    contrasts = {x.setting: x for x in analysis.comparisons}
    for summary in analysis.summaries:
        row = (
            summary.setting,
            f"{summary.n}",
            shown(summary.mean, of_means),
            shown(summary.sd, of_means),
            span(summary.interval, of_means),
        )
        if x := contrasts.get(summary.setting):
            numbers = shown(x.mean_difference, places), span(x.interval, places), p_shown(x.adjusted_p)
            yield *row, *numbers, verdict(x)
        else:
            yield *row, "", "", "", BASELINE


def effect_rows(analysis: Analysis, verdict: Callable[[Contrast], str] = verdict) -> Iterator[tuple[str, ...]]:
    """Yield a row of cells for each effect of shown_effects, with the columns EFFECTS.

    verdict  the function that returns the text of the last column
    """
    effects = shown_effects(analysis)
    places = places_of(effects, tested=True)
    for x in effects:
        level = percent(x.tested_level) if x.tested_interval else "-"
        numbers = (shown(x.mean_difference, places), span(x.tested_interval, places), p_shown(x.adjusted_p))
        yield (name(x) + amount(x, analysis) * (x.kind == AVERAGE), *numbers, level, verdict(x))


def places_of_means(analysis: Analysis) -> int:
    """Return the number of decimals for the settings' means: at least the number of decimals of the differences."""
    of_means = decimals(
        [summary.mean for summary in analysis.summaries], [summary.sd for summary in analysis.summaries]
    )
    return max(of_means, places_of(analysis.comparisons))
