"""The page `studies/index.html`: question, text and answer of every study in the project."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from charloom.core.base.errors import CharloomError
from charloom.pages.sections import Section, rendered
from charloom.pages.study.compared import Compared
from charloom.pages.study.study_page import STUDIES, text_of
from charloom.study.asking import is_started, read_study
from charloom.study.measuring import measured
from charloom.study.study_file import read_question
from groundwork.words import number_of
from paired import answered
from paired.data_types import CANNOT_TELL

INDEX = STUDIES / "index.html"


class Listed(NamedTuple):
    """A study in the list.

    file     the study's file
    missing  a sentence about what is missing: the answer, the page, or a readable file; "" if nothing is missing
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
    page, again = file.with_suffix("") / "report.html", f"No answer yet: `charloom study {file}` trains and answers."
    try:
        if not is_started(page.parent):
            return Listed(file, again, read_question(file).title or "")
        study = read_study(file)
        compared = Compared(answered(measured(study)))
    except CharloomError as error:
        return Listed(file, f"Not readable: {error}")
    trainings = compared.trainings
    asked = len(study.settings) * len(study.question.seeds)
    of_asked = f" of {asked:,}" * (trainings < asked)
    about = "; ".join([text_of(study.asked), f"{trainings:,}{of_asked} trainings", *compared.answer.warnings])
    if not study.asked.answers:
        return Listed(file, again, compared.heading, about)
    if page.exists():
        return Listed(file, "", compared.heading, about, compared.told, page.relative_to(STUDIES).as_posix())
    return Listed(file, f"No page yet: `charloom study {file}` writes it.", compared.heading, about, compared.told)
