"""All numbers: the table, and what there is to say of each comparison."""

from charloom.pages.page import Section, Table
from charloom.pages.study.names import bold, breakable
from charloom.pages.study.results import Results
from paired import sentences as words
from paired.data_types import CANNOT_TELL


def section(results: Results) -> Section:
    """Return the section."""
    answer = results.answer
    decided = {each.setting for each in answer.comparisons if each.verdict != CANNOT_TELL}
    rows = [
        [bold(cell) if name in decided else cell for cell in (breakable(name), *cells)]
        for name, *cells in words.table(answer)
    ]
    said = [] if results.few else words.comparisons(answer, explain=True)
    it = {
        "title": breakable(words.title(answer)),
        "table": Table(words.COMPARED, rows),
        "comparisons": [(breakable(title), lines) for title, lines in said],
        "bold": bool(decided) and not results.few,
    }
    return Section("numbers", "All numbers", it)
