"""The question again, and the commands that answer it, train it, and prove its rows."""

from charloom.pages.page import Section, Table
from charloom.pages.study.names import breakable
from charloom.pages.study.results import Results
from charloom.results.identity import naming_params


def section(results: Results) -> Section:
    """Return the section."""
    study = results.study
    same = {
        name: value
        for name, value in naming_params(study.settings[study.baseline]).items()
        if name not in {*study.varied, "seed"}
    }
    it = {
        "file": breakable(str(study.path)),
        "tables": breakable(str(study.folder)),
        "varied": [breakable(name) for name in study.varied],
        "trials": sum(each.trials for each in results.answer.summaries),
        "name": breakable(study.settings[study.baseline].prepare.text),
        "text": results.study.asked.sha256,
        "same": Table(("param", "value"), [(breakable(name), str(value)) for name, value in same.items()]),
    }
    return Section("again", "Make it again, and prove a row", it)
