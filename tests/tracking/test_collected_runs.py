"""A run has what the stages made: their files, as the stages left them, and their numbers."""

import hashlib
import json

import pytest
from mlflow_project import history, holds_what_the_files_hold, in_order, tracked, waiting
from projects import source
from ruamel.yaml import YAML

from charloom.core.training import loop
from charloom.tracking import collect


def test_the_run_holds_what_the_files_hold(finished):
    (run,) = finished.runs()
    holds_what_the_files_hold(finished, finished.client(), run)
    params = YAML(typ="safe", pure=True).load((finished.folder / "params.yaml").read_text())
    nested = {f"{s}.{k}": v for s, each in params.items() if isinstance(each, dict) for k, v in each.items()}
    assert run.data.params == {
        key: str(value) for key, value in (params | nested).items() if not isinstance(value, dict)
    }
    digest = hashlib.sha256((finished.folder / "data/fox.txt").read_bytes()).hexdigest()
    assert run.data.tags["charloom.text_sha256"] == digest
    assert run.data.tags["mlflow.source.git.commit"] == ""  # nothing was committed when it ran
    assert {name for name in run.data.metrics if "/" in name} <= {"system/characters_per_second"}
    (text,) = run.inputs.dataset_inputs
    assert (text.dataset.name, text.dataset.digest, text.tags[0].value) == ("fox", digest[:36], "training")
    assert json.loads(text.dataset.source) == {"uri": "data/fox.txt"}
    assert [column["name"] for column in json.loads(text.dataset.schema)["mlflow_colspec"]] == ["text"]
    profile = json.loads(text.dataset.profile)
    measures = json.loads((finished.folder / "metrics/prepare.json").read_text())
    assert profile["K"] == measures["K"]
    assert profile["characters"] == profile["training_characters"] + profile["held_out_characters"]
    assert not waiting(finished)


@pytest.mark.slow_but_first
@pytest.mark.parametrize(
    ("name", "old", "new", "line"),
    [
        ("src/train.py", '"""train', '"""Train', "run not recorded; try `dvc repro`"),
        ("data/fox.txt", "fox", "dog", "not recorded; try `dvc repro`"),
        (source(loop), '"""', '"""Edited. ', "run not recorded; try `dvc repro`"),
        ("params.yaml", "temperature: 1.0", "temperature: 0.5", "sample.temperature was 1.0, is 0.5; run not recorded"),
        ("dvc.lock", "md5: ", "md5: f", "not recorded; try `dvc repro`"),
        ("dvc.lock", "eta: 0.1", "eta: 0.2", "not recorded; try `dvc repro`"),
    ],
)
def test_files_edited_after_a_stage_are_not_recorded(project, name, old, new, line):
    """MLflow would show it as the code and the text of results that it did not make."""
    project.edit(name, old, new)
    assert line in project.stage("track", code=1)
    assert not waiting(project)


@pytest.mark.slow
def test_an_edit_while_the_run_is_collected_is_not_recorded(project, monkeypatch):
    def edited():
        project.edit("src/train.py", '"""train', '"""Train')
        return packed()

    packed = collect._packed
    monkeypatch.setattr(collect, "_packed", edited)
    assert "changed files: src/train.py; run not recorded" in project.stage("track", code=1)
    assert not waiting(project)


@pytest.mark.slow
def test_the_numbers_that_a_stage_of_ones_own_declares_as_metrics_reach_mlflow(project):
    """The metrics of train stay curves; a text, a truth value, and a number of another output are none."""
    tracked(project)
    (before,) = project.runs()
    (project.folder / "metrics/words.json").write_text('{"count": 5, "share": {"of > 9": 0.25}, "a": "b", "c": true}')
    (project.folder / "metrics/other.json").write_text('{"other": 5}')
    own = "metrics/words.json, metrics/other.json"
    project.edit("dvc.yaml", "metrics/sample.json,\n      plots", f"metrics/sample.json, {own},\n      plots")
    stage = "{cmd: x, outs: [metrics/other.json], metrics: [metrics/words.json: {cache: false}]}"
    project.edit("dvc.yaml", "stages:\n", f"stages:\n  words: {stage}\n")
    project.set(eta=0.2)  # another experiment
    tracked(project)
    after = in_order(project)[-1]
    assert after.data.metrics == before.data.metrics | {"count": 5.0, "share.of _ 9": 0.25}
    assert [*history(project.client(), after, "count").items()] == [(400, 5.0)]
