"""What params.yaml may say is read, written and put in order as it stands there."""

import math
from pathlib import Path

import pytest
from projects import ROOT
from ruamel.yaml import YAML

from charloom.core.base.errors import WrongInput
from charloom.core.config.params import as_yaml, sort_key
from charloom.core.config.reading import read_params, with_overrides
from charloom.core.network.adagrad import AdaGrad
from charloom.core.network.adam import Adam

PARAMS = read_params(ROOT / "params.yaml")


def test_the_recipe_takes_the_rates_of_its_optimiser():
    assert PARAMS.recipe.optimizer == AdaGrad(0.1, 0.0)
    changes = {"optimizer": "adam", "eta": 0.01, "sigma": "fan_in", "train.b1": 0.8, "train.clip": None}
    adam = with_overrides(PARAMS, changes | {"train.loss": "mean"}, Path("x")).recipe
    assert adam.optimizer == Adam(0.01, 0.8, 0.999, 1e-8)
    assert (adam.sigma, adam.clip, adam.scale) == ("fan_in", math.inf, 1 / 25)


@pytest.mark.parametrize("value", [None, "fan_in", 0.01, 1e-5, 100, "adam"])
def test_a_value_after_set_param_is_read_as_what_it_was(value):
    assert YAML(typ="safe").load(as_yaml(value)) == value


def test_numbers_are_in_order_before_words():
    assert sorted(["fan_in", 0.1, None, 0.01, 10], key=sort_key) == [0.01, 0.1, 10, "fan_in", None]


def test_prepare_names_what_has_no_effect(project):
    line = "optimizer {} and train.order reading do not use these params: train.{}\n"
    project.set(b1=0.8)
    assert project.stage("prepare").startswith(line.format("adagrad", "b1: 0.8"))
    project.set(optimizer="adam")
    assert "do not use" not in project.stage("prepare")
    project.set(initial_accumulator_value=10.0)
    assert project.stage("prepare").startswith(line.format("adam", "initial_accumulator_value: 10.0"))


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
