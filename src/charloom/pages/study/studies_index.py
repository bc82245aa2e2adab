"""All studies of the project on one page: what each asks, of which text, and what it says."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from charloom.base.errors import CharloomError
from charloom.pages.sections import Section, rendered
from charloom.pages.study.compared import Compared
from charloom.pages.study.study_page import STUDIES, text_of
from charloom.study.asking import is_started, read_study
from charloom.study.measuring import measured
from charloom.study.study_file import read_question
from paired import answered

INDEX = STUDIES / "index.html"


class Listed(NamedTuple):
    """A study: its file, what is missing, its question in words, facts about it, its answer by line, and its page."""

    file: Path
    missing: str
    asked: str = ""
    about: str = ""
    told: Sequence[str] = ()
    page: str = ""


def studies_index() -> str:
    """Return the page in one HTML file, of what lies in `studies/`: equal files there give equal bytes."""
    listed = [_listed(file) for file in sorted(STUDIES.glob("[!.]*.y*ml")) if file.suffix in {".yaml", ".yml"}]
    answers = [study for study in listed if study.told]
    said = (
        f"{len(listed)} question{'s' * (len(listed) != 1)}, {len(answers)} answered. "
        "Each answer holds for its text and its settings, and for no others."
    )
    return rendered("Studies of this project", said, [Section("studies", "Questions and answers", listed)])


def _listed(file: Path) -> Listed:
    page, again = file.with_suffix("") / "report.html", f"Not answered yet: `charloom study {file}` answers it."
    try:
        if not is_started(page.parent):
            read_question(file)
            return Listed(file, again)
        study = read_study(file)
        found = measured(study)._replace(curves={})  # which say nothing of a verdict
        compared = Compared(found, answered(found)).in_order
    except CharloomError as error:
        return Listed(file, f"Not read: {error}")
    trainings = sum(each.trials for each in compared.answer.summaries)
    about = "; ".join([text_of(study.asked), f"{trainings:,} trainings", *compared.answer.warnings])
    if not trainings:
        return Listed(file, again, compared.asked, about)
    if page.exists():
        return Listed(file, "", compared.asked, about, compared.told, page.relative_to(STUDIES).as_posix())
    return Listed(file, f"`charloom study {file}` writes its page.", compared.asked, about, compared.told)
