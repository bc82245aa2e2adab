"""All numbers: the table, and what there is to say of each comparison."""

from charloom.pages.page import Section, Table
from charloom.pages.study.names import bold, breakable
from charloom.pages.study.results import Results
from paired import sentences as words
from paired.types import CANNOT_TELL


def section(results: Results) -> Section:
    """Return the section."""
    answer = results.answer
    decided = {each.setting for each in answer.comparisons if each.verdict != CANNOT_TELL}
    rows = [
        [bold(cell) if name in decided else cell for cell in (breakable(name), *cells)]
        for name, *cells in words.table(answer)
    ]
    it = {
        "title": breakable(words.title(answer)),
        "table": Table(words.COMPARED, rows),
        "comparisons": [] if results.few else [(breakable(title), said) for title, said in words.comparisons(answer)],
        "bold": bool(decided) and not results.few,
    }
    return Section("numbers", "All numbers", it)
