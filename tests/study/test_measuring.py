"""What runs are held beside each other by: the text that they have read, units that compare, and looks."""

import json
import re
import shutil
import subprocess
from contextlib import chdir
from pathlib import Path

import pytest
from projects import ROOT

from charloom.settings.params import overridden, read_params
from charloom.study.asking import read_study
from charloom.study.measuring import MORE_TEXT, measured, of_runs, with_new_seeds
from paired import answered
from paired.data_types import BETTER, CANNOT_TELL

USUAL = read_params(ROOT / "params.yaml")


def warnings(**other):
    params = {"usual": USUAL, "other": overridden(USUAL, {k.replace("__", "."): v for k, v in other.items()}, ROOT)}
    return of_runs(params, {name: {} for name in params}, "smooth_loss", "usual", better="lower").warnings


@pytest.mark.parametrize(
    ("other", "expected"),
    [({"batch": 8}, (MORE_TEXT,)), ({"seq_length": 50}, (MORE_TEXT,)), ({"train__updates": 1000}, (MORE_TEXT,)),
     ({"eta": 0.05}, ()), ({"batch": 8, "train__updates": 12_500}, ()), ({"batch": 5, "seq_length": 5}, ())],
)  # fmt: skip
def test_settings_that_read_more_text_are_told_apart_from_those_that_do_not(other, expected):
    assert warnings(**other) == expected


@pytest.fixture
def accumulator(tmp_path):
    """A copy of the committed study, whose ten seeds say `better`, and of what it is read with."""
    for name in ("studies/initial_accumulator", "studies/initial_accumulator.yaml", "params.yaml", "signature.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tmp_path / name)
    (tmp_path / "data").symlink_to(ROOT / "data")
    with chdir(tmp_path):
        yield tmp_path / "studies/initial_accumulator/asked.json"


def told(asked, **said):
    """Return the answer of the study, of whose first start something else is recorded."""
    recorded = json.loads(asked.read_text())
    if "seeds" in said:
        recorded["question"]["seeds"] = said.pop("seeds")
    asked.write_text(json.dumps(recorded | said))
    study = read_study(Path("studies/initial_accumulator.yaml"))
    return study, answered(measured(study))


def test_seeds_after_an_answer_that_declared_no_looks_claim_nothing(accumulator):
    assert told(accumulator, answers=[])[1].comparisons[0].verdict == BETTER
    _, answer = told(accumulator, answers=[1, 10])
    (one,) = answer.comparisons
    assert (one.verdict, one.n, one.p < 1e-4) == (CANNOT_TELL, 10, True)
    assert "tested on the first 1 seed; the 9 after them decide nothing here" in one.warnings
    (line,) = answer.warnings
    assert line.startswith("an answer was given at 1 seed, and no looks were declared: so 9 more are shown, but not ")
    assert "sed 's/^seeds:.*/seeds: [11, 12, 13, 14, 15, 16, 17, 18, 19, 20]/' " in line


@pytest.mark.parametrize("seeds", ["10", "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]", "[1, 2, 3, 4, 5,\n  6, 7, 8, 9, 10]",
                                   "\n" + "".join(f"- {n}\n" for n in range(1, 11))])  # fmt: skip
def test_the_printed_command_asks_the_same_with_new_seeds_however_the_seeds_are_written(accumulator, seeds):
    file = Path("studies/initial_accumulator.yaml")
    file.write_text(re.sub("seeds:.*", f"seeds: {seeds}", file.read_text()))
    study, _ = told(accumulator)
    typed, _, name = with_new_seeds(study).partition(" && charloom study ")
    subprocess.run(typed, shell=True, check=True)  # noqa: S602  as somebody types it
    with_new = read_study(Path(name))
    assert with_new.question.seeds == list(range(11, 21))
    assert with_new.settings == study.settings
    assert with_new.named != study.named  # another study in MLflow
    more = study.question.model_copy(update={"seeds": [*study.question.seeds, 11]})
    assert study._replace(question=more).named == study.named


def test_a_complete_table_of_an_earlier_version_was_answered(accumulator):
    study, answer = told(accumulator, seeds=[1, 2, 3], answers=[])
    assert study.asked.answers == [3]
    assert told(accumulator, seeds=[1, 2, 3], answers=[])[1] == answer
    assert answer.looks == (3,)
    half = told(accumulator, seeds=list(range(1, 11)), answers=[])[0]
    assert (half.asked.answers, half.first_answer) == ([10], None)


def test_a_study_on_a_text_of_its_own_has_not_the_target_that_was_chosen_for_another(accumulator):
    study = read_study(Path("studies/initial_accumulator.yaml"))
    assert measured(study).target == "smooth loss below 40"
    own = study._replace(question=study.question.model_copy(update={"text": "data/my.txt"}))
    assert measured(own).target == ""
