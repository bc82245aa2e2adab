"""All studies of the project on one page: what each asks, of which text, and what it says."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from charloom.base.errors import CharloomError
from charloom.pages.sections import Section, rendered
from charloom.pages.study.compared import Compared
from charloom.pages.study.study_page import STUDIES, text_of
from charloom.study.asking import ASKED, read_study
from charloom.study.measuring import measured
from charloom.study.study_file import read_question
from paired import answered

INDEX = STUDIES / "index.html"


class Listed(NamedTuple):
    """A study: its file, what it says line by line, what it asks, facts about it, and its page, seen from here."""

    file: Path
    told: Sequence[str]
    asked: str = ""
    about: str = ""
    page: str = ""


def studies_index() -> str:
    """Return the page in one HTML file, of what lies in `studies/`: whoever has the same there gets the same bytes."""
    listed = [_listed(file) for file in sorted(STUDIES.glob("[!.]*.y*ml")) if file.suffix in {".yaml", ".yml"}]
    said = (
        f"{len(listed)} question{'s' * (len(listed) != 1)}, {sum(bool(each.page) for each in listed)} answered. "
        "Each answer holds for its text and its settings, and for no others."
    )
    return rendered("Studies of this project", said, [Section("studies", "Questions and answers", listed)])


def _listed(file: Path) -> Listed:
    page, again = file.with_suffix("") / "report.html", [f"Not answered yet: `charloom study {file}` answers it."]
    try:
        if not any((page.parent / name).exists() for name in (ASKED, "trials.csv")):
            read_question(file)
            return Listed(file, again)
        study = read_study(file)
        found = measured(study)._replace(curves={})  # which say nothing of a verdict
        compared = Compared(found, answered(found)).in_order
    except CharloomError as error:
        return Listed(file, [f"Not read: {error}"])
    trainings = sum(each.trials for each in compared.answer.summaries)
    about = "; ".join([text_of(study.asked), f"{trainings:,} trainings", *compared.answer.warnings])
    if not (trainings and page.exists()):
        return Listed(file, again, compared.asked, about)
    return Listed(file, compared.told, compared.asked, about, page.relative_to(STUDIES).as_posix())
