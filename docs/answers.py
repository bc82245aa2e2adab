"""The table of each answer in the studies' READMEs: `python docs/answers.py` writes them. A test compares."""

import re
from contextlib import chdir
from pathlib import Path

from charloom.study.freeze import read_study
from charloom.study.measuring import study_measurements
from seedpairs import answered
from seedpairs.analysis import with_labels
from seedpairs.formats import as_markdown

ROOT = Path(__file__).resolve().parent.parent
TABLE = re.compile(r"^(?:\|.*\n)+", re.MULTILINE)
MARKED = re.compile(r"(<!-- python docs/answers.py -->\n\n)(?:\|.*\n)*")
PAGES = [path for path in sorted(ROOT.glob("studies/*/README.md")) if MARKED.search(path.read_text(encoding="utf-8"))]


def page(path: Path) -> str:
    """Return the README with the first table of the study's answer, as `charloom compare --format markdown` has it."""
    with chdir(ROOT):
        answer = with_labels(answered(study_measurements(read_study(path.parent.with_suffix(".yaml")))))
    table, *_ = TABLE.findall(as_markdown(answer))
    return MARKED.sub(lambda mark: mark[1] + table, path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    for readme in PAGES:
        readme.write_text(page(readme), encoding="utf-8")
