"""What a user gets wrong is one line that names it, exit 2, and nothing written."""

import pytest
from bad_input import DVC, all_got, broken, page
from projects import ROOT


def test_every_wrong_parameter_text_table_and_program_gets_the_line_that_the_documentation_shows():
    groups = all_got()
    assert [len(group) >= least for group, least in zip(groups, (60 + 10, 12, 10), strict=True)] == [True] * 3
    assert broken(*groups) == []
    assert page(*groups) == (ROOT / "docs/bad_input.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("typed", "printed"), [row[:2] for row in DVC], ids=[row[1] for row in DVC])
def test_dvc_prints_what_the_documentation_shows(project, typed, printed):
    project.run("bash", "-c", "mv data/fox.txt data/my.txt")
    project.set(text="data/my.txt")
    assert printed in project.run("bash", "-c", typed, expect=255)
