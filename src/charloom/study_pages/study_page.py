"""A study's page, the picture of `charloom compare --figure`, and the list of all studies.

The picture joins the pictures of a study's page. The list, studies/index.html, has question, text and answer of every
study in the project.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from charloom.core.base.errors import CharloomError
from charloom.core.base.words import in_line, number_of
from charloom.core.config.params import as_yaml, flat_of
from charloom.pages.pictures import joined_pictures
from charloom.pages.sections import PageSection, Table, rendered
from charloom.results.keys import differing, setting_params
from charloom.results.study_table import FrozenQuestion
from charloom.study.freeze import read_study
from charloom.study.measuring import study_measurements
from charloom.study.seeds import STUDIES, seed_range
from charloom.study.study_file import Study, read_question
from charloom.study_pages import bands, effects_section, seed_by_seed
from charloom.study_pages.presentation import ABOUT, Presentation, verdict_second
from seedpairs import answered, tables
from seedpairs import sentences as words
from seedpairs.analysis import with_labels
from seedpairs.data_types import CANNOT_TELL, VERDICTS

DECIDING = 3  # the first lines of a comparison: see sentences.difference_lines
TARGET = "train.target_smooth_loss"
INDEX = STUDIES / "index.html"
ALL_STUDIES = ("../index.html", "All studies of this project")


class ListedStudy(NamedTuple):
    """A study in the list.

    file     the study's file
    missing  a sentence with the reason why the answer or the page is missing; "" if nothing is missing
    question  the study's title, or the question in words if the study has no title
    about    facts about the text and the trainings, and warnings, joined by semicolons
    verdict_lines  the lines of the answer; empty if there is no answer
    page     the page's path, relative to `studies/`; "" if there is no page
    """

    file: Path
    missing: str
    question: str = ""
    about: str = ""
    verdict_lines: Sequence[str] = ()
    page: str = ""


def comparison_picture(presentation: Presentation) -> str:
    """Return one SVG with the pictures of the effects, the settings' seeds, the differences, and the curves."""
    return _together(_shared(presentation))


def _shared(presentation: Presentation) -> list[PageSection | None]:
    return [effects_section.section(presentation), seed_by_seed.section(presentation), bands.section(presentation)]


def study_page(study: Study, presentation: Presentation) -> tuple[str, str, str]:
    """Return the study's page as HTML, the SVG of `comparison_picture`, and the page without links to other pages."""
    analysis, shared = presentation.analysis, _shared(presentation)
    long = f" of {analysis.budget:,} updates" if analysis.budget else ""
    if len(read := {*analysis.amounts.values()}) == 1:
        long += f", each of which reads {read.pop():,.0f} characters"
    about = f", {ABOUT[analysis.measure]}" if analysis.measure in ABOUT else ""
    sections = [_answer(presentation), *shared, seed_by_seed.lesson(presentation), _numbers(presentation)]
    sections.append(PageSection("decided", "How it was decided", words.notes(analysis)))
    sections.append(_again(study, presentation))
    intro = f"{presentation.question}\n" if analysis.title else ""
    intro += (
        f"Text: {text_of(study.frozen)}. {len(analysis.summaries)} settings, {presentation.trainings:,} trainings"
        f"{long}.\nMeasure: {analysis.measure}{about}; {analysis.better} is better.{_held_out(study)}"
    )
    about_study: dict[str, Any] = {"study": study, "presentation": presentation, "percent": words.PERCENT}
    page = partial(rendered, presentation.heading, intro, sections, **about_study)
    links = [ALL_STUDIES] if study.path.parent.resolve() == STUDIES.resolve() else []
    return page(links=links), _together(shared), page()


def _held_out(study: Study) -> str:
    """Return a sentence about the size of the held-out text; "" if no trial read held-out text."""
    share = study.settings[study.baseline].prepare.held_out
    read = max((run.metrics.held_out_characters_read for run in study.runs.values() if run.metrics), default=0)
    size = f" The held-out text is the last {100 * share:g} % of the text; {read:,} of its characters are read."
    return size if read else ""


def text_of(frozen: FrozenQuestion) -> str:
    """Return the file name and the start of the SHA-256 of the study's text, for readers who do not have the text."""
    return f"{in_line(frozen.text)} (SHA-256 {frozen.sha256[:12]}…)"


def _together(sections: Iterable[PageSection | None]) -> str:
    return joined_pictures([picture for section in sections if section for picture in section.pictures])


def _answer(presentation: Presentation) -> PageSection:
    """Return the section with the answer: the verdicts in words, with their figures, warnings and remarks.

    If there are more than FEW comparisons, only those with a verdict are shown, each with at most DECIDING lines.
    """
    analysis, few = presentation.analysis, presentation.few
    texts = [(name, lines if few else lines[:DECIDING]) for name, lines in words.comparisons(analysis, open_too=few)]
    it = {
        "effects": effects_section.effects_table(analysis),
        "sure": [name for name, *_, end in tables.effect_rows(analysis) if end != CANNOT_TELL and end in VERDICTS],
        "parted": list(words.parted(analysis)),
        "remarks": list(words.remarks(analysis)),
        "comparisons": texts,
        "left": len(analysis.comparisons) - len(texts),
        "exploded": sum(trial.exploded for by_seed in analysis.settings.values() for trial in by_seed.values()),
    }
    return PageSection("answer", "The answer", it)


def _numbers(presentation: Presentation) -> PageSection:
    """Return the section with the table of all numbers; with more than FEW comparisons, also their sentences."""
    analysis = presentation.analysis
    comparisons = [] if presentation.few else list(words.comparisons(analysis))
    table = verdict_second(tables.COMPARED, tables.table(analysis))
    it = {"title": words.title(analysis), "table": table, "comparisons": comparisons}
    return PageSection("numbers", "All numbers", it)


def _again(study: Study, presentation: Presentation) -> PageSection:
    """Return the section on how to repeat the study or prove a row of its table.

    The section has the text's hash, the params of settings that the user named, and the params that all settings share.
    The param TARGET is left out if no target is set.
    """
    params, unused = study.settings[study.baseline], [] if presentation.analysis.target else [TARGET]
    every = study.settings.values()
    shared = set[str]().union(*map(setting_params, every)).difference(varied := differing(every), unused)
    same = {name: value for name, value in flat_of(params).items() if name in shared}
    table = Table(("param", "value"), [(name, as_yaml(value)) for name, value in same.items()])
    levels = presentation.analysis.levels.items() if study.names else []
    settings = Table(("setting", *varied), [(name, *(values.get(x, "-") for x in varied)) for name, values in levels])
    it = {
        "name": params.prepare.text, "text": study.frozen.sha256, "varied": varied, "settings": settings, "same": table,
    }  # fmt: skip
    return PageSection("again", "Repeat the study, or prove a row", it)


def studies_index() -> str:
    """Return the list of all studies in `studies/`, as a page in HTML. Equal files in `studies/` give equal bytes."""
    listed = [_listed(file) for file in sorted(STUDIES.glob("[!.]*.y*ml")) if file.suffix in {".yaml", ".yml"}]
    answers = [study.verdict_lines for study in listed if study.verdict_lines]
    decided = sum(any(not line.lower().startswith(CANNOT_TELL) for line in lines) for lines in answers)
    intro = (
        f"{number_of(len(listed), 'question')}: {decided} with a verdict, {len(answers) - decided} with the answer "
        f"“{CANNOT_TELL}”, {len(listed) - len(answers)} without an answer. Each answer is valid for its own text and "
        "settings only."
    )
    return rendered("Studies of this project", intro, [PageSection("studies", "Questions and answers", listed)])


def _listed(file: Path) -> ListedStudy:
    page, title = file.with_suffix("") / "report.html", ""
    try:
        title = read_question(file).title or ""
        study = read_study(file)
        presentation = Presentation(with_labels(answered(study_measurements(study))))
    except CharloomError as error:
        return ListedStudy(file, f"Refused: {error}", title)
    trainings, seeds = presentation.trainings, study.question.seeds
    planned = len(study.settings) * len(seeds)
    trained = f"{trainings:,} of {planned:,}" if trainings < planned else f"{trainings:,}"
    count = f"{trained} trainings, {seed_range(seeds)}"
    about = "; ".join([text_of(study.frozen), count, *presentation.analysis.warnings])
    missing, lines, place = f"No answer yet: `charloom study {file}` trains and answers.", list[str](), ""
    if study.frozen.answers:
        missing, lines = f"No page yet: `charloom study {file}` writes it.", presentation.verdict_lines
    if study.frozen.answers and page.exists():
        missing, place = "", page.relative_to(STUDIES).as_posix()
    return ListedStudy(file, missing, presentation.heading, about, lines, place)
