"""An edit of an input or an output, at any moment: no result is recorded that belongs to other inputs or was edited.

Here a stage runs in this process, and the edit is made in one of its calls or after its end. Python's imports of edited
sources: tests/config/test_entry.py. Edits during `dvc repro`, and experiments: tests/all/test_edits_at_work.py.
"""

import importlib
from contextlib import chdir

import pytest
from claims import relock
from mlflow_project import waiting
from projects import Project, source

from charloom import pages
from charloom.core import kernel

INPUTS = {  # of prepare, by what it is: text that is there, and what is written instead
    "a source": (source(kernel), '"""', '"""So: '),
    "a param": ("params.yaml", "seed: 1 ", "seed: 77 "),
    "data": ("data/fox.txt", "lazy", "busy"),
}
OUTPUT = ("metrics/prepare.json", '"characters": ', '"characters":  ')
FOREIGN = {
    "another package's source": (source(pages), '"""', '"""So: '),
    "another stage's param": ("params.yaml", "temperature: 1.0", "temperature: 0.5"),
}
REFUSED = "; run not recorded; try `dvc repro"


def undo(project: Project, name: str, old: str, new: str) -> None:
    project.edit(name, new, old, 1)


def edit(project: Project, name: str, old: str, new: str) -> None:
    project.edit(name, old, new, 1)


def during(monkeypatch, stage: str, name: str, act) -> None:
    """Act after the first call of the function with this name in the stage's script."""
    script = importlib.import_module(stage)
    function, acts = getattr(script, name), [act]

    def acting(*arguments):
        result = function(*arguments)
        while acts:
            acts.pop()()
        return result

    monkeypatch.setattr(script, name, acting)


def record(project: Project, *names: str) -> None:
    """Write into dvc.lock what DVC would write if it hashed these inputs and outputs now."""
    with chdir(project.folder):
        for name in names:
            if name == "params.yaml":
                project.edit("dvc.lock", "\n        seed: 1\n", "\n        seed: 77\n")
            else:
                relock(project, "src/charloom/core" if name.startswith("src/") else name)


def is_refused(project: Project, *words: str) -> None:
    printed = project.stage("track", code=1)
    assert REFUSED in printed
    assert all(word in printed for word in words), printed
    assert not waiting(project)


@pytest.fixture
def tracked(project, monkeypatch) -> Project:
    """The project, whose stage track finds no store, so that its entries stay."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setattr("charloom.tracking.sending.RETRY_PAUSE", 0)
    return project


def is_recorded(project: Project) -> None:
    project.stage("track")
    assert waiting(project)


@pytest.mark.parametrize("what", INPUTS)
def test_an_edit_during_a_stage_fails_it(project, monkeypatch, what):
    during(monkeypatch, "prepare", "text_metrics", lambda: edit(project, *INPUTS[what]))
    assert "prepare: inputs edited while it ran: " in project.stage("prepare", code=1)


@pytest.mark.parametrize("what", INPUTS)
def test_an_edit_before_a_stage_that_is_undone_during_it_fails_it(project, monkeypatch, what):
    edit(project, *INPUTS[what])
    during(monkeypatch, "prepare", "text_metrics", lambda: undo(project, *INPUTS[what]))
    assert "prepare: inputs edited while it ran: " in project.stage("prepare", code=1)


def test_a_switch_of_branch_during_a_stage_fails_it(project, monkeypatch):
    project.run("git", "switch", "-q", "-c", "other")
    for change in INPUTS.values():
        edit(project, *change)
    project.commit()
    project.run("git", "switch", "-q", "-")
    during(monkeypatch, "prepare", "text_metrics", lambda: project.run("git", "switch", "-q", "other"))
    printed = project.stage("prepare", code=1)
    assert "seed was 1, is 77; changed files: " in printed


@pytest.mark.parametrize(
    ("what", "stage"), [("another package's source", "sample"), ("another stage's param", "gradcheck")]
)
def test_an_edit_of_what_a_stage_does_not_use_costs_nothing(project, monkeypatch, what, stage):
    during(monkeypatch, stage, "read_prepared", lambda: edit(project, *FOREIGN[what]))
    project.stage(stage)


def test_a_changed_time_is_no_edit(project, monkeypatch):
    """DVC links a file if another experiment's folder gets it, and so the file's own time changes."""
    text = project.folder / "data/fox.txt"
    during(monkeypatch, "prepare", "text_metrics", lambda: text.with_name("again").hardlink_to(text))
    project.stage("prepare")


@pytest.mark.slow_but_first
@pytest.mark.parametrize("what", INPUTS)
def test_an_edit_between_a_stages_end_and_dvcs_hash_is_not_recorded(tracked, what):
    tracked.stage("prepare")
    edit(tracked, *INPUTS[what])
    record(tracked, INPUTS[what][0])
    is_refused(tracked, "prepare: ", "seed was 1, is 77" if what == "a param" else INPUTS[what][0])


@pytest.mark.slow_but_first
@pytest.mark.parametrize("what", INPUTS)
def test_such_an_edit_that_is_undone_before_track_is_not_recorded(tracked, what):
    tracked.stage("prepare")
    edit(tracked, *INPUTS[what])
    record(tracked, INPUTS[what][0])
    undo(tracked, *INPUTS[what])
    is_refused(tracked, "prepare: ")


@pytest.mark.slow_but_first
@pytest.mark.parametrize("what", INPUTS)
def test_an_edit_between_two_stages_is_not_recorded(tracked, what):
    tracked.stage("prepare")
    edit(tracked, *INPUTS[what])
    is_refused(tracked, "prepare: ")


@pytest.mark.slow
def test_an_output_edited_during_its_stage_is_not_recorded(tracked, monkeypatch):
    during(monkeypatch, "prepare", "write_json", lambda: edit(tracked, *OUTPUT))
    tracked.stage("prepare")
    record(tracked, OUTPUT[0])
    is_refused(tracked, "prepare: ", OUTPUT[0])


@pytest.mark.slow
def test_an_output_edited_between_its_stages_end_and_dvcs_hash_is_not_recorded(tracked):
    tracked.stage("prepare")
    edit(tracked, *OUTPUT)
    record(tracked, OUTPUT[0])
    is_refused(tracked, "prepare: ", OUTPUT[0])


@pytest.mark.slow_but_first
@pytest.mark.parametrize("name", [OUTPUT[0], "models/last.npz", "reports/report.html"])
def test_an_output_edited_after_its_stage_is_not_recorded(tracked, name):
    """No stage but track reads the last two."""
    with (tracked.folder / name).open("a") as file:
        file.write(" ")
    is_refused(tracked, name)


@pytest.mark.slow
def test_a_switch_of_branch_between_a_stages_end_and_dvcs_hash_is_not_recorded(tracked):
    """Git replaces sources, params, data and metrics together, and leaves the outputs that DVC keeps."""
    tracked.stage("prepare")
    for change in (*INPUTS.values(), OUTPUT):
        edit(tracked, *change)
    record(tracked, *(name for name, *_ in (*INPUTS.values(), OUTPUT)))
    is_refused(tracked, "prepare: ", OUTPUT[0])


@pytest.mark.slow
def test_an_edit_that_is_made_and_undone_within_one_stage_is_lost(tracked, monkeypatch):
    """This is the guard's limit."""

    def make_and_undo() -> None:
        for change in INPUTS.values():
            edit(tracked, *change)
            undo(tracked, *change)

    during(monkeypatch, "prepare", "text_metrics", make_and_undo)
    tracked.stage("prepare")
    is_recorded(tracked)


@pytest.mark.slow
def test_the_note_of_a_run_whose_record_git_has_replaced_is_no_edit(tracked):
    """A killed `dvc exp run -S seed=77`, then `git restore .` and `dvc checkout`; prepare makes the same outputs."""
    edit(tracked, *INPUTS["a param"])
    tracked.stage("prepare")
    undo(tracked, *INPUTS["a param"])
    is_recorded(tracked)


@pytest.mark.slow
def test_a_note_that_was_compared_concerns_no_later_lock(tracked):
    """With the same outputs, as after a comment's edit that DVC's run cache takes back."""
    tracked.stage("prepare")
    is_recorded(tracked)
    edit(tracked, *INPUTS["a param"])
    record(tracked, "params.yaml")
    tracked.stage("track")
