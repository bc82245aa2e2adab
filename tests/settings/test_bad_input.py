"""What a user gets wrong is one line that names it, exit 2, and nothing written."""

import pytest
from bad_input import cases, page, tables
from projects import ROOT

from charloom.base.errors import WrongInput
from charloom.settings.params import read_params


def test_every_wrong_parameter_text_and_table_gets_the_line_that_the_documentation_shows():
    got, of_tables = list(cases()), list(tables())
    assert (len(got) >= 60 + 10, len(of_tables) >= 12) == (True, True)
    assert [each for each in got + of_tables if each.broken] == []
    assert page(got, of_tables) == (ROOT / "docs/bad_input.md").read_text()


@pytest.mark.parametrize("written", ["1e-5", "1e-05", "0.00001", "1E-5"])
def test_small_numbers_may_be_written_in_every_usual_way(tmp_path, written):
    path = tmp_path / "params.yaml"
    path.write_text((ROOT / "params.yaml").read_text().replace("sigma: 0.01", f"sigma: {written}"))
    assert read_params(path).sigma == 1e-5


@pytest.mark.parametrize("written", ["7" * 5000, "7" * 999, f"'{'7' * 999}'", f"[{'1, ' * 9000}1]"])
def test_a_value_as_long_as_a_book_is_not_quoted_in_full(tmp_path, written):
    path = tmp_path / "params.yaml"
    path.write_text((ROOT / "params.yaml").read_text().replace("\nseed: 1 ", f"\nseed: {written} ", 1))
    with pytest.raises(WrongInput, match=r"params\.yaml: (seed|not YAML): .*(7{90}|1, 1|4,300 digits)") as error:
        read_params(path)
    assert len(str(error.value)) < 300 + len(str(path))
