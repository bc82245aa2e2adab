"""The study's page, section by section."""

from charloom.pages.page import rendered
from charloom.pages.study import again, answer, curves, decided, explosions, numbers, settings, target
from charloom.pages.study.measures import ABOUT
from charloom.pages.study.names import breakable
from charloom.pages.study.results import Results

SECTIONS = (answer, settings, curves, target, explosions, numbers, decided, again)


def study_page(results: Results) -> str:
    """Return the page in one HTML file."""
    found, trials = results.answer, [each.trials for each in results.answer.summaries]
    others = [each.setting for each in found.comparisons]
    asked = f"Is {others[0]}" if len(others) == 1 else f"Which of {len(others)} settings are"
    seeds = " to ".join(str(n) for n in sorted({min(trials), max(trials)}))
    long = f" of {results.measured.budget:,} updates" if results.measured.budget else ""
    about = f", {ABOUT[found.measure]}" if found.measure in ABOUT else ""
    sections = [module.section(results) for module in SECTIONS]
    return rendered(
        breakable(f"{asked} better than {found.baseline}?"),
        breakable(
            f"Measure: {found.measure}{about}; {found.better} is better. {len(trials)} settings, {seeds} "
            f"seed{'s' * (max(trials) != 1)} each: {sum(trials):,} trainings{long}."
        ),
        [section for section in sections if section],
    )
