"""What `dvc repro` runs again after each of eight edits; and that it brings the same bytes."""

import re
from pathlib import Path

import pytest
from edits import EDITS, WRONG_TARGETS, apply


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_reruns_what_it_can_change_and_changes_nothing(project, what):
    apply(project, what)
    before = project.contents()
    ran = project.stages(project.run("dvc", "repro"))
    assert set(ran) == set(EDITS[what].reruns)
    after = project.contents()
    titled = {"reports/report.html", "reports/figures/loss-whole.svg"}
    changed = titled if what == "a picture's title" else set()
    assert {name for name in before | after if before.get(name) != after.get(name)} == changed


@pytest.mark.parametrize("what", WRONG_TARGETS)
def test_a_wrong_gradient_stops_the_pipeline_before_training(project, what):
    file, right, wrong, named = WRONG_TARGETS[what]
    project.edit(file, right, wrong)
    printed = project.run("dvc", "repro", expect=255)
    assert project.stages(printed)[-1] == "gradcheck"
    assert re.search(named + r".*analytic .*, complex step .*, relative error", printed)


def test_dvc_tells_what_a_changed_parameter_changed(project):
    project.run("dvc", "exp", "run", "-S", "eta=0.05")
    assert "eta" in project.run("dvc", "params", "diff")
    assert "smooth_loss" in project.run("dvc", "metrics", "diff")
    page = project.run("dvc", "plots", "diff").strip().removeprefix("file://")
    assert "nats per sequence" in Path(page).read_text()


def test_a_forced_repro_makes_the_same_bytes_and_leaves_git_clean(project):
    before = project.contents()
    project.run("dvc", "repro", "--force")
    assert project.contents() == before
    project.run("git", "diff", "HEAD", "--exit-code")
