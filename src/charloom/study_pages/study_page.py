"""A study's page, the picture of `charloom compare --figure`, which joins its pictures, and the list of all studies.

The list, studies/index.html, has question, text and answer of every study in the project.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from charloom.core.base.errors import CharloomError, WrongInput
from charloom.core.base.words import in_line, number_of
from charloom.core.settings.params import as_yaml, flat_of
from charloom.core.settings.reading import read_params
from charloom.pages.live.live_page import address
from charloom.pages.pictures import by_itself
from charloom.pages.sections import Section, Table, rendered
from charloom.results.keys import differing, setting_params
from charloom.results.study_table import Asked
from charloom.study.asking import read_study
from charloom.study.measuring import measured
from charloom.study.seeds import STUDIES, spanned, with_first_answer
from charloom.study.study_file import Study, read_question
from charloom.study_pages import bands, effects_section, seed_by_seed
from charloom.study_pages.compared import ABOUT, Compared, verdict_second
from seedpairs import answered, tables
from seedpairs import sentences as words
from seedpairs.answering import named
from seedpairs.data_types import CANNOT_TELL, VERDICTS

DECIDING = 3  # the first lines of a comparison: see words.difference
TARGET = "train.target_smooth_loss"
INDEX = STUDIES / "index.html"
ALL_STUDIES = ("../index.html", "All studies of this project")


class Listed(NamedTuple):
    """A study in the list.

    file     the study's file
    missing  a sentence about what is missing, the answer or the page, and why; "" if nothing is missing
    asked    the question in words: the study's title, if it has one
    about    facts about text and trainings, and warnings
    told     the lines of the answer
    page     the page's path, relative to `studies/`; "" if there is no page
    """

    file: Path
    missing: str
    asked: str = ""
    about: str = ""
    told: Sequence[str] = ()
    page: str = ""


def comparison_picture(compared: Compared) -> str:
    """Return one SVG with the pictures of the effects, the settings' seeds, the differences, and the curves."""
    return _together(_shared(compared))


def _shared(compared: Compared) -> list[Section | None]:
    return [effects_section.section(compared), seed_by_seed.section(compared), bands.section(compared)]


def study_page(study: Study, compared: Compared) -> tuple[str, str, str]:
    """Return the study's page as HTML, the SVG of `comparison_picture`, and the page without links to other pages."""
    answer, shared = compared.answer, _shared(compared)
    long = f" of {compared.answer.budget:,} updates" if compared.answer.budget else ""
    if len(read := {*compared.answer.amounts.values()}) == 1:
        long += f", each of which reads {read.pop():,.0f} characters"
    about = f", {ABOUT[answer.measure]}" if answer.measure in ABOUT else ""
    decided = Section("decided", "How it was decided", words.notes(answer))
    more = [seed_by_seed.lesson(compared), _numbers(compared), decided, _addresses(study), _again(study, compared)]
    sections = [_answer(compared), *shared, *more]
    intro = [
        *([compared.asked] if answer.title else []),
        f"Text: {text_of(study.asked)}. {len(answer.summaries)} settings, {compared.trainings:,} trainings{long}.",
        f"Measure: {answer.measure}{about}; {answer.better} is better.{_held_out(study)}",
    ]
    page = partial(
        rendered, compared.heading, "\n".join(intro), sections, study=study, compared=compared, percent=words.PERCENT
    )
    links = [ALL_STUDIES] if study.path.parent.resolve() == STUDIES.resolve() else []
    return page(links=links), _together(shared), page()


def _held_out(study: Study) -> str:
    """Return a sentence about the size of the held-out text; "" if none of it was read."""
    share = study.settings[study.baseline].prepare.held_out
    read = max((run.metrics.held_out_characters_read for run in study.runs.values() if run.metrics), default=0)
    size = f" The held-out text is the last {100 * share:g} % of the text; {read:,} of its characters are read."
    return size if read else ""


def text_of(asked: Asked) -> str:
    """Return the file name and the start of the SHA-256 of the study's text, for readers who do not have the text."""
    return f"{in_line(asked.text)} (SHA-256 {asked.sha256[:12]}…)"


def _together(sections: Iterable[Section | None]) -> str:
    return by_itself([picture for section in sections if section for picture in section.pictures])


def _answer(compared: Compared) -> Section:
    """Return the section with the answer: the verdicts in words, with their figures, warnings and remarks.

    If there are more than FEW comparisons, only those with a verdict are shown, each with at most DECIDING lines.
    """
    answer, few = compared.answer, compared.few
    texts = [(name, lines if few else lines[:DECIDING]) for name, lines in words.comparisons(answer, open_too=few)]
    it = {
        "effects": effects_section.effects_table(answer),
        "sure": [name for name, *_, end in tables.effect_rows(answer) if end != CANNOT_TELL and end in VERDICTS],
        "parted": list(words.parted(answer)),
        "remarks": list(words.remarks(answer)),
        "comparisons": texts,
        "left": len(answer.comparisons) - len(texts),
        "exploded": sum(trial.exploded for own in answer.settings.values() for trial in own.values()),
    }
    return Section("answer", "The answer", it)


def _numbers(compared: Compared) -> Section:
    """Return the section with the table of all numbers; with more than FEW comparisons, also their sentences."""
    answer = compared.answer
    comparisons = [] if compared.few else list(words.comparisons(answer))
    table = verdict_second(tables.COMPARED, tables.table(answer))
    it = {"title": words.title(answer), "table": table, "comparisons": comparisons}
    return Section("numbers", "All numbers", it)


def _again(study: Study, compared: Compared) -> Section:
    """Return the section on how to repeat the study or prove a row of its table.

    It has the text's hash, the params of settings with names, and the params that all settings share. Without a target,
    its param is left out.
    """
    params, unused = study.settings[study.baseline], [] if compared.answer.target else [TARGET]
    every = study.settings.values()
    shared = set[str]().union(*map(setting_params, every)).difference(varied := differing(every), unused)
    same = {name: value for name, value in flat_of(params).items() if name in shared}
    table = Table(("param", "value"), [(name, as_yaml(value)) for name, value in same.items()])
    levels = compared.answer.levels.items() if study.names else []
    settings = Table(("setting", *varied), [(name, *(own.get(x, "-") for x in varied)) for name, own in levels])
    it = {
        "name": params.prepare.text, "text": study.asked.sha256, "varied": varied, "settings": settings, "same": table,
    }  # fmt: skip
    return Section("again", "Repeat the study, or prove a row", it)


def _addresses(study: Study) -> Section | None:
    """Return the section with an address of live.html for each setting. None: params.yaml, which it has, is invalid."""
    with suppress(WrongInput):
        base, text = read_params(), study.asked.params.prepare.text
        rows = [(name, *address(base, params)) for name, params in study.settings.items()]
        it = {"rows": rows, "other_text": text if text != base.prepare.text else ""}
        return Section("addresses", "Confirm it in a browser", it)
    return None


def studies_index() -> str:
    """Return the page as HTML, with all studies in `studies/`. Equal files in `studies/` give equal bytes."""
    listed = [_listed(file) for file in sorted(STUDIES.glob("[!.]*.y*ml")) if file.suffix in {".yaml", ".yml"}]
    answers = [study.told for study in listed if study.told]
    decided = sum(any(not line.lower().startswith(CANNOT_TELL) for line in lines) for lines in answers)
    intro = (
        f"{number_of(len(listed), 'question')}: {decided} with a verdict, {len(answers) - decided} with the answer "
        f"“{CANNOT_TELL}”, {len(listed) - len(answers)} without an answer. Each answer is valid for its own text and "
        "settings only."
    )
    return rendered("Studies of this project", intro, [Section("studies", "Questions and answers", listed)])


def _listed(file: Path) -> Listed:
    page, title = file.with_suffix("") / "report.html", ""
    try:
        title = read_question(file).title or ""
        study = read_study(file)
        if not study.asked.answers:
            with_first_answer(study)  # raises the error with which the command refuses the study
        compared = Compared(named(answered(measured(study))))
    except CharloomError as error:
        return Listed(file, f"Refused: {error}", title)
    trainings, seeds = compared.trainings, study.question.seeds
    asked = len(study.settings) * len(seeds)
    trained = f"{trainings:,} of {asked:,}" if trainings < asked else f"{trainings:,}"
    count = f"{trained} trainings, {spanned(seeds)}"
    about = "; ".join([text_of(study.asked), count, *compared.answer.warnings])
    if not study.asked.answers:
        return Listed(file, f"No answer yet: `charloom study {file}` trains and answers.", compared.heading, about)
    if page.exists():
        return Listed(file, "", compared.heading, about, compared.told, page.relative_to(STUDIES).as_posix())
    return Listed(file, f"No page yet: `charloom study {file}` writes it.", compared.heading, about, compared.told)
