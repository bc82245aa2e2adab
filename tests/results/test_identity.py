"""What can matter to the results names an experiment, and nothing else does. A hash of results is theirs alone."""

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
from projects import ROOT, STUDIES
from pydantic import TypeAdapter

from charloom.core.config import params
from charloom.core.config.params import WEIGHTS, EarlierParams, Params, flat_of
from charloom.core.config.reading import read_params, with_overrides
from charloom.core.network.recipe import COMPILED
from charloom.core.training.trace import results_hash
from charloom.results.keys import experiment_key, run_name, setting_key, setting_label, trial_key, weights_key
from charloom.results.study_table import read_frozen_question, read_runs

PARAMS = read_params(ROOT / "params.yaml")
LEAVES = flat_of(PARAMS)
# As charloom 0.1 named the committed run; and as rows of its study are named since.
TEXT = "fe282a57094ed62e7144fb7c804a9748fc1c909bf3b49d06e7276015f9f67240"
ARITHMETIC = "30043ec1491acad2"
# Keys that five commits computed for their params.yaml with some changes, and those of a run in the store of another.
EARLIER = json.loads(Path(__file__).with_name("earlier_keys.json").read_bytes())
LAST, BEST, TRACE = np.arange(6.0), np.arange(6.0) + 1, (np.arange(3.0), np.arange(4.0))
NO_MATTER = {"prepare.text", "train.save_every", "gradcheck.seed", "gradcheck.tolerance", "gradcheck.entries"}
OTHER = {
    "prepare.text": "data/my.txt", "train.dtype": "float32", "train.loss": "mean", "optimizer": "adam",
    "backend": "numpy", "train.b1": 0.5, "train.b2": 0.5, "train.order": "chunks",
}  # fmt: skip


def changed(name: str, params: Params = PARAMS) -> Params:
    """Return the params with another value under the dotted name."""
    everything = params.model_dump()
    *sections, key = name.split(".")
    section = everything[sections[0]] if sections else everything
    section[key] = OTHER[name] if name in OTHER else section[key] + (1 if isinstance(section[key], int) else 0.5)
    return Params.model_validate(everything)


def test_a_param_that_changes_weights_changes_the_recipe():
    usual = {"seed", "train.updates"}  # what a recipe leaves out
    for name in set(params.VARIED) - usual - PARAMS.idle:
        assert changed(name).recipe != PARAMS.recipe, name


IDLE = {  # with AdaGrad, reading from front to back, and with Adam
    PARAMS: {"train.b1", "train.b2", "train.eps", "train.chunk_length"},
    changed("optimizer"): {"train.initial_accumulator_value", "train.chunk_length"},
}


@pytest.mark.parametrize("name", LEAVES)
@pytest.mark.parametrize("params", IDLE, ids=["adagrad", "adam"])
def test_an_experiment_key_contains_each_param_that_matters(params, name):
    other, same = PARAMS if changed(name, params) == params else changed(name, params), NO_MATTER | IDLE[params]
    assert (experiment_key(other, TEXT) == experiment_key(params, TEXT)) == (name in same), f"IDLE or keys.py: {name}"
    keys = {trial_key(each, TEXT, ARITHMETIC) for each in (params, other)}
    assert (len(keys) == 1) == (name in same or name.startswith("sample."))


def test_idle_has_a_row_of_each_compiled_optimiser():
    assert {params.optimizer for params in IDLE} == {*COMPILED}, "IDLE lacks an optimiser"


def test_a_key_contains_the_digest_of_the_network():
    assert len({experiment_key(PARAMS, TEXT, network) for network in ("", "0" * 16, "1" * 16)}) == 3
    assert weights_key(changed("backend"), TEXT, "") == weights_key(PARAMS, TEXT, "")  # rounded differently
    assert len({setting_key(PARAMS, TEXT, network) for network in ("", "0" * 16)}) == 2


NO_CLIP = PARAMS.model_copy(update={"train": PARAMS.train.model_copy(update={"clip": None})})
VARIED = {name: value for name, value in LEAVES.items() if name not in {"train.clip", "optimizer"}}
OTHER_TEXT = LEAVES | {"prepare.text": "data/other.txt"}
NAMES = [  # params, those that are committed, and the name of the run
    (PARAMS, LEAVES, "as committed · seed 1"),
    (PARAMS, LEAVES | {"train.initial_accumulator_value": 10.0}, "initial…=0 · seed 1"),
    (PARAMS, LEAVES | {"m": 9, "eta": 0.2, "train.dtype": "float32"}, "eta=0.1 · m=100 · dtype=float64 · seed 1"),
    (PARAMS, OTHER_TEXT, "moby_dick.txt · as committed · seed 1"),  # another text stands first
    # so are a study's trials named, which leaves out what it varies: a value is named even if it is none or silent
    (PARAMS, VARIED, "optimizer=adagrad · clip=5 · seed 1"),
    (NO_CLIP, VARIED, "optimizer=adagrad · clip=null · seed 1"),
    (NO_CLIP.model_copy(update={"sigma": "fan_in"}), LEAVES, "sigma=fan_in · clip=null · seed 1"),
]


@pytest.mark.parametrize(("params", "committed", "name"), NAMES, ids=[f"{n}: {own[2]}" for n, own in enumerate(NAMES)])
def test_a_run_is_named_by_what_differs_from_the_committed_params_and_its_seed(params, committed, name):
    assert run_name(params, committed) == name


def test_minus_zero_is_zero():
    low, zero = (with_overrides(PARAMS, {"prepare.held_out": value}, ROOT) for value in (-0.0, 0.0))
    assert experiment_key(low, TEXT) == experiment_key(zero, TEXT)


def test_keys_are_frozen():
    assert experiment_key(PARAMS, TEXT) == "b1bb4c78e35620d528c00d2e97840f9788e1188013bb6dfca4fda48305e335b1"
    assert trial_key(PARAMS, TEXT, ARITHMETIC) == "f817d9b8ae17a18f"


@pytest.mark.parametrize("row", EARLIER, ids=[row["version"] for row in EARLIER])
def test_keys_equal_those_that_earlier_versions_computed_or_stored(row):
    params = TypeAdapter(EarlierParams).validate_python(row["params"])
    now = {
        "experiment": experiment_key(params, row["text"]),
        "trial": trial_key(params, row["text"], ARITHMETIC),
        "setting": setting_label(params),
    }
    assert {name: now[name] for name in now.keys() & row} == {name: row[name] for name in now.keys() & row}


@pytest.mark.parametrize("folder", STUDIES, ids=[folder.name for folder in STUDIES])
def test_rows_of_committed_studies_have_the_keys_of_their_params(folder):
    assert read_runs(
        folder, read_frozen_question(folder / "asked.json"), curves=False
    )  # Damaged, if a row has another key


@pytest.mark.parametrize("value", ["silent", "other"])
def test_a_param_that_is_new_renames_nothing_at_its_silent_value(monkeypatch, value):
    """A param that a version to come could add, beside those of today."""

    class Later(Params):
        order: Annotated[str, WEIGHTS]

    monkeypatch.setitem(params.SILENT, "order", "silent")
    later = Later(order=value, **PARAMS.model_dump())
    for key in (experiment_key, lambda *named: trial_key(*named, ARITHMETIC)):
        assert (key(later, TEXT) == key(PARAMS, TEXT)) == (value == "silent")
    name = "as committed" if value == "silent" else "order=other"
    assert run_name(later, params.SILENT | LEAVES) == f"{name} · seed 1"
    assert TypeAdapter(Later).validate_python(params.with_silent(PARAMS.model_dump())).order == "silent"


def test_equal_results_have_one_hash_wherever_they_lie_in_memory():
    apart, swapped = np.repeat(LAST, 2)[::2], BEST.astype(">f8")
    assert results_hash(apart, swapped, list(TRACE)) == results_hash(LAST, BEST, TRACE)


@pytest.mark.parametrize(
    "other",
    [(np.nextafter(LAST, 9), BEST, TRACE), (LAST, np.nextafter(BEST, 9), TRACE), (BEST, LAST, TRACE),
     (LAST, BEST, (TRACE[0], np.nextafter(TRACE[1], 9))), (LAST, BEST, TRACE[::-1]), (LAST, BEST, TRACE[:1]),
     (LAST, BEST, (np.concatenate(TRACE),)), (LAST.astype("f4"), BEST, TRACE), (-0.0 * LAST, BEST, TRACE)],
    ids=["last", "best", "both", "trace", "order", "fewer", "joined", "type", "minus zero"],
)  # fmt: skip
def test_any_other_number_place_or_type_is_another_hash(other):
    assert results_hash(*other) != results_hash(LAST, BEST, TRACE)
