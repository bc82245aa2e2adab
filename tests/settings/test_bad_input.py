"""What a user gets wrong is one line that names it, exit 2, and nothing written."""

import pytest
from bad_input import DVC, cases, page, programs, tables
from projects import ROOT


def test_every_wrong_parameter_text_table_and_program_gets_the_line_that_the_documentation_shows():
    got, of_tables, of_programs = list(cases()), list(tables()), list(programs())
    assert (len(got) >= 60 + 10, len(of_tables) >= 12) == (True, True)
    assert [each for each in got + of_tables + of_programs if each.broken] == []
    assert page(got, of_tables, of_programs) == (ROOT / "docs/bad_input.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("typed", "printed"), [row[:2] for row in DVC], ids=[row[1] for row in DVC])
def test_dvc_prints_what_the_documentation_shows(project, typed, printed):
    project.run("bash", "-c", "mv data/fox.txt data/my.txt")
    project.set(text="data/my.txt")
    assert printed in project.run("bash", "-c", typed, expect=255)
