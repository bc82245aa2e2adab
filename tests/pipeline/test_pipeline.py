"""dvc.yaml tells the truth, and DVC, the stages and the record agree on what was run."""

import json
import re
from pathlib import Path

import pytest
from closure import SOURCES, closure
from ruamel.yaml import YAML

from charloom.settings.params import Params

ROOT = SOURCES.parent
STAGES = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text())["stages"]


def sources_of(stage: str) -> set[str]:
    return {entry for entry in STAGES[stage]["deps"] if entry.startswith("src")}


@pytest.mark.parametrize("stage", [name for name in STAGES if name != "track"])
def test_a_stage_depends_on_exactly_the_sources_it_imports(stage):
    assert sources_of(stage) == {str(path.relative_to(ROOT)) for path in closure(SOURCES / f"{stage}.py")}


def test_prepare_and_track_depend_on_more_because_one_is_the_door_and_one_names_the_experiment():
    everything = {"params.yaml": None}
    assert everything in STAGES["prepare"]["params"]
    assert everything in STAGES["track"]["params"]
    assert sources_of("track") == {"src"}
    assert "${prepare.text}" in STAGES["track"]["deps"]


def test_a_stage_depends_on_exactly_the_params_it_reads():
    for stage in ("gradcheck", "train", "sample", "plot"):
        read = set(re.findall(r"\bparams\.(\w+)", (SOURCES / f"{stage}.py").read_text()))
        assert set(STAGES[stage].get("params", [])) == read & set(Params.model_fields) - {"prepare"}, stage


def test_all_six_stages_run_in_order_and_a_second_repro_does_nothing(project, finished):
    assert project.stages(finished.printed) == ["prepare", "gradcheck", "train", "sample", "plot", "track"]
    assert "Data and pipelines are up to date." in project.run("dvc", "repro")


def test_a_forced_repro_makes_the_same_bytes_and_leaves_git_clean(project):
    before = project.contents()
    project.run("dvc", "repro", "--force")
    assert project.contents() == before
    project.run("git", "diff", "HEAD", "--exit-code")


def test_an_edited_picture_reruns_only_plot_and_track(project):
    project.edit("src/charloom/figures.py", '"""Pictures', '"""Some pictures')
    assert project.stages(project.run("dvc", "repro")) == ["plot", "track"]


@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        ("load(d, t, k) * (1.0 - state * state)", "load(d, t, k) * (1.0 + state * state)", r"[WUb]\[.*\] at the"),
        ("o[t, ids[place + t + 1]] -= 1", "o[t, ids[place + t + 1]] += 1", r"c\[\d+\] at the zero state"),
        # From h_0 = 0 this sum, which leaves out the first step, is right: only a carried state shows it.
        ("learn(W, sW, dT, m, h, 0, T", "learn(W, sW, dT[:, 1:], m, h, 1, T - 1", "at the carried state"),
    ],
)
def test_a_wrong_gradient_stops_the_pipeline_before_training(project, right, wrong, named):
    project.edit("src/charloom/kernel.py", right, wrong)
    printed = project.run("dvc", "repro", expect=255)
    assert project.stages(printed)[-1] == "gradcheck"
    assert re.search(named + r".*analytic .*, complex step .*, relative error", printed)
    assert json.loads((project.folder / "metrics/gradcheck.json").read_text())["passed"] is False


def test_training_refuses_a_gradient_check_that_has_not_passed(project):
    project.edit("metrics/gradcheck.json", '"passed": true', '"passed": false')
    assert "no training without it" in project.run("python", "src/train.py", expect=1)


def test_without_a_held_out_end_its_results_are_null(project):
    project.edit("params.yaml", "held_out: 0.05", "held_out: 0.0")
    project.run("dvc", "repro")
    train = json.loads((project.folder / "metrics/train.json").read_text())
    assert train["held_out_bits_per_character"] is None
    assert train["best_held_out_bits_per_character"] is None


def test_dvc_tells_what_a_changed_parameter_changed(project):
    project.run("dvc", "exp", "run", "-S", "eta=0.05")
    assert "eta" in project.run("dvc", "params", "diff")
    assert "smooth_loss" in project.run("dvc", "metrics", "diff")
    page = project.run("dvc", "plots", "diff").strip().removeprefix("file://")
    assert "nats per sequence" in Path(page).read_text()


def test_another_python_is_refused_in_a_line(project):
    printed = project.run("python", "-S", "src/train.py", expect=2)  # -S: without any installed package
    assert printed.count("\n") == 1
    assert "make setup" in printed
