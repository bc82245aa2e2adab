"""What can matter to the results names an experiment, and nothing else does."""

import pytest
from projects import ROOT

from charloom.settings.experiment import experiment_key, run_name, setting
from charloom.settings.params import Params, flat, read_params

PARAMS = read_params(ROOT / "params.yaml")
LEAVES = dict(flat(PARAMS.model_dump()))
NO_MATTER = {"prepare.text", "train.save_every", "gradcheck.seed", "gradcheck.tolerance", "gradcheck.entries"}
OTHER = {"prepare.text": "data/my.txt", "train.dtype": "float32"}


def changed(name: str) -> Params:
    """Return the params with another value under the dotted name."""
    everything = PARAMS.model_dump()
    *sections, key = name.split(".")
    section = everything[sections[0]] if sections else everything
    section[key] = OTHER[name] if name in OTHER else section[key] + (1 if isinstance(section[key], int) else 0.5)
    return Params.model_validate(everything)


@pytest.mark.parametrize("name", LEAVES)
def test_a_param_names_the_experiment_unless_it_cannot_matter(name):
    other = experiment_key(changed(name), "0" * 64)
    assert (other == experiment_key(PARAMS, "0" * 64)) == (name in NO_MATTER)


def test_the_text_names_it_too():
    assert experiment_key(PARAMS, "0" * 64) != experiment_key(PARAMS, "1" * 64)


def test_a_run_is_named_by_what_differs_from_the_committed_params_and_its_seed():
    assert run_name(PARAMS, LEAVES) == "as committed · seed 1"
    assert run_name(PARAMS, LEAVES | {"seed": 5, "prepare.text": "x", "train.save_every": 1}) == "as committed · seed 1"
    assert run_name(PARAMS, LEAVES | {"train.initial_accumulator_value": 10.0}) == "initial…=0 · seed 1"
    committed = LEAVES | {"m": 9, "eta": 0.2, "train.dtype": "float32"}
    assert run_name(PARAMS, committed) == "eta=0.1 · m=100 · dtype=float64 · seed 1"


@pytest.mark.parametrize("name", LEAVES)
def test_a_setting_is_what_names_the_experiment_without_the_seed(name):
    other = setting(changed(name))
    assert (other == setting(PARAMS)) == (name in NO_MATTER | {"seed"})
