"""A study's table is read as it was written, or a line says where it contradicts itself."""

import csv
import io
import json
import shutil

import pytest
from projects import ROOT

from charloom.core.base.errors import Damaged, Unavailable
from charloom.results.study_table import FIRST_METRIC_NAMES, QUESTION_FILE, read_frozen_question, read_runs, write_runs
from charloom.study.freeze import study_of_frozen

STUDY = ROOT / "studies/initial_accumulator"
BITS = "held_out_bits_per_character"
DIVERGED = dict.fromkeys((*FIRST_METRIC_NAMES, "results"), "")


@pytest.fixture
def folder(tmp_path):
    """A copy of a study's tables."""
    folder = tmp_path / "x"
    shutil.copytree(STUDY, folder)
    return folder


def edited(folder, name, edit) -> None:
    """Write the table anew, after an edit of its rows, the head among them."""
    with (folder / name).open(newline="") as file:
        rows = list(csv.reader(file))
    content = io.StringIO()
    csv.writer(content, lineterminator="\n").writerows(edit(rows) or rows)
    (folder / name).write_text(content.getvalue(), newline="")


def refusal(folder) -> str:
    with pytest.raises(Damaged) as refused:
        read_runs(folder, read_frozen_question(folder / "asked.json"))
    line = str(refused.value)
    assert line.isprintable()
    assert len(line) < 600
    return line.replace(f"{folder}/", "")


@pytest.mark.parametrize(("cells", "said"), [  # cells of a row that contradict themselves, and what is said
    ({"outcome": "converged"}, "outcome: 'converged' is not allowed; "),
    ({"outcome": "diverged at update 3"}, "outcome diverged at update 3 contradicts the hash in results: "),
    ({"outcome": "diverged at update 999999", **DIVERGED}, "outcome: 'diverged at update 999999' is not allowed"),
    ({"outcome": "diverged at update ５", **DIVERGED}, "is not allowed"),
    ({BITS: "x2.8"}, f"metrics: {BITS}: 'x2.8' is not allowed"),
    ({"updates": "1e2"}, "metrics: updates: '1e2' is not allowed"),
    ({"trial": "0\n1"}, "trial is 0 1, but its params have the key "),
    ({"results": "a" * 10_000}, "contradicts the hash in results: aaa"),
    ({"train.initial_accumulator_value": "5.0"}, ", but its params have the key "),
])  # fmt: skip
def test_a_row_that_contradicts_itself_or_its_key_is_damage(folder, cells, said):
    def put(rows):
        return [rows[0], [cells.get(*cell) for cell in zip(*rows[:2], strict=True)], *rows[2:]]

    edited(folder, "trials.csv", put)
    line = refusal(folder)
    assert line.startswith("trials.csv: line ")
    assert said in line


def _seed_of_another(rows):
    rows[2][2:-1] = rows[1][2:-1]


def _doubled(rows):
    place = rows[0].index(BITS)
    for row in rows:
        row.insert(place + 1, BITS if row is rows[0] else "0.5")


@pytest.mark.parametrize(
    ("edit", "said"),
    [(_seed_of_another, "line 3: seed 2 has the same results as seed 1; "),
     (_doubled, f"column {BITS} is missing, or occurs twice; "),
     (lambda rows: [*rows, rows[-1]], "occurs a second time; ")],
)  # fmt: skip
def test_a_table_that_says_what_its_keys_do_not_is_damage(folder, edit, said):
    edited(folder, "trials.csv", edit)
    assert said in refusal(folder)


POINTS = [("0", "nan"), ("0", "1.2.3"), ("0", "9" * 70 + "e999"), ("x", "1.0"), ("-1", "1.0"), ("100001", "1.0")]


@pytest.mark.parametrize(("update", "value"), [*POINTS, ("0", "1.0")])  # after the last one it occurs a second time
def test_a_point_of_a_curve_is_a_finite_number_once_at_one_of_the_updates(folder, update, value):
    edited(folder, "curves.csv", lambda rows: rows.insert(1, [rows[1][0], update, value, ""]))
    assert refusal(folder).startswith(f"curves.csv: line {3 if (update, value) == ('0', '1.0') else 2}: ")


def test_a_question_without_the_arithmetic_of_its_recipe_is_damage(folder):
    path = folder / "asked.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"arithmetic": {}}))
    line = "asked.json: damaged: `arithmetic` has no entry for adagrad float64; `git restore "
    assert line in refusal(folder)


def test_other_spellings_of_a_row_change_nothing(folder):
    asked = read_frozen_question(folder / "asked.json")
    before = read_runs(folder, asked)

    def respelled(rows):
        rows[1][:2] = ["0.00 ", "+1"]
        return [rows[0], *reversed(rows[1:])]

    edited(folder, "trials.csv", respelled)
    assert read_runs(folder, asked) == before


def test_a_row_whose_curves_cannot_be_written_is_not_written(folder):
    """It would count as trained."""
    study = study_of_frozen(folder, read_frozen_question(folder / QUESTION_FILE))
    runs = read_runs(folder, study.frozen)
    for file in folder.glob("*.csv"):
        file.unlink()
    (folder / "curves.csv").mkdir()
    with pytest.raises(Unavailable, match="not written"):
        write_runs(folder, study.columns, runs.items())
    assert not (folder / "trials.csv").exists()
