"""All numbers: the table, and what there is to say of each comparison."""

from charloom.pages.page import Section, Table
from charloom.pages.study.results import Results
from charloom.study import words


def section(results: Results) -> Section:
    """Return the section."""
    answer = results.answer
    it = {
        "title": words.title(answer),
        "table": Table(words.COMPARED, list(words.table(answer))),
        "comparisons": [] if results.few else list(words.comparisons(answer)),
    }
    return Section("numbers", "All numbers", it)
