"""README's examples are what the commands print."""

import re
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\w*\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def shape(text: str) -> list[str]:
    """Return the lines without commits and dates."""
    return [re.sub(r"^\d\w{9} \S+|\b[0-9a-f]{8,10}\b|\d{4}-\d\d-\d\d", "", line).strip() for line in text.splitlines()]


@pytest.mark.slow
def test_the_examples_of_verify_and_blame_are_what_they_print(project):
    lied, history = (block for block in BLOCKS if " same, 1 different" in block or " → " in block)
    project.edit("params.yaml", "2", "3")
    project.run("dvc", "repro", "-q")
    project.commit()
    assert shape(project.proof("blame", "count.json:words")) == shape(history)
    project.run("git", "reset", "-q", "--hard", "HEAD~1")
    project.edit("count.json", "10", "11")
    project.commit()
    assert shape(project.proof("verify", expect=1)) == shape(lied)
