"""How it was decided, for who reads such an answer for the first time."""

from charloom.pages.page import Section
from charloom.pages.study.results import Results
from paired import sentences as words


def section(results: Results) -> Section:
    """Return the section."""
    return Section("decided", "How it was decided", words.notes(results.answer))
