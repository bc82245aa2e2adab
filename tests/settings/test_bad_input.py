"""What a user gets wrong is one line that names it, exit 2, and nothing written."""

from bad_input import cases, page, tables
from projects import ROOT


def test_every_wrong_parameter_text_and_table_gets_the_line_that_the_documentation_shows():
    got, of_tables = list(cases()), list(tables())
    assert (len(got) >= 60 + 10, len(of_tables) >= 12) == (True, True)
    assert [each for each in got + of_tables if each.broken] == []
    assert page(got, of_tables) == (ROOT / "docs/bad_input.md").read_text()
