"""What runs are held beside each other by: the text that they have read, units that compare, and looks."""

import json
import shutil
from contextlib import chdir
from pathlib import Path

import pytest
from projects import ROOT

from charloom.core.config.reading import read_params, with_overrides
from charloom.core.config.records import Measure
from charloom.study.freeze import read_study
from charloom.study.measuring import MORE_TEXT, of_runs, study_measurements
from seedpairs import answered
from seedpairs.data_types import BETTER, CANNOT_TELL

USUAL = read_params(ROOT / "params.yaml")


@pytest.mark.parametrize(
    ("other", "expected"),
    [({"batch": 8}, (MORE_TEXT,)), ({"seq_length": 50}, (MORE_TEXT,)), ({"train.updates": 1000}, (MORE_TEXT,)),
     ({"eta": 0.05}, ()), ({"batch": 8, "train.updates": 12_500}, ()), ({"batch": 5, "seq_length": 5}, ())],
)  # fmt: skip
def test_settings_that_read_more_text_are_told_apart_from_those_that_do_not(other, expected):
    params = {"usual": USUAL, "other": with_overrides(USUAL, other, ROOT)}
    runs = {name: {} for name in params}
    assert of_runs(params, runs, Measure.SMOOTH_LOSS, "usual").warnings == expected


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
    return study, answered(study_measurements(study))


def test_seeds_after_an_answer_that_declared_no_looks_claim_nothing(accumulator):
    assert told(accumulator, answers=[10])[1].comparisons[0].verdict == BETTER
    _, answer = told(accumulator, answers=[1, 10])
    (one,) = answer.comparisons
    assert (one.verdict, one.n, one.p, one.more_seeds) == (CANNOT_TELL, 1, None, (1, None))
    assert [own.n for own in answer.summaries] == [1, 1]
    assert any(line.startswith("tested at 1 seed; the 9 later ones decide") for line in one.warnings)
    (line,) = answer.warnings
    assert line.startswith("an answer was given at 1 seed, and no looks were declared: 9 more seeds shown, but not ")


def test_other_seeds_are_another_question_and_more_seeds_are_the_same(accumulator):
    study, _ = told(accumulator)
    new, more = (
        study._replace(question=study.question.model_copy(update={"seeds": list(seeds)}))
        for seeds in (range(11, 21), range(1, 12))
    )
    assert new.question_key != study.question_key == more.question_key


def test_a_study_on_its_own_text_ignores_the_target_of_another_text(accumulator):
    study = read_study(Path("studies/initial_accumulator.yaml"))
    assert study_measurements(study).target == "smooth loss below 40"
    own = study._replace(question=study.question.model_copy(update={"text": "data/my.txt"}))
    assert study_measurements(own).target == ""
