"""A commit whose dvc.lock was made from other inputs, and a commit that is refused before anything is run."""

import shutil
from contextlib import chdir

import pytest
from claims import as_rebuilt
from projects import copied, said

from charloom.core.base.errors import CheckFailed
from charloom.core.settings.pipeline import Project as Folder
from charloom.proof.explanations import contradictions
from charloom.proof.refusals import inspected
from charloom.results.dvc_lock import locked

NOBODY = "not in this repository, nor in DVC's cache or a remote, so nobody else has it"
MERGED = "stages:\n<<<<<<< HEAD\n  a: {}\n=======\n>>>>>>> other\n"
NO_LOCK, NO_PIPELINE = "dvc.lock: missing, or not in DVC's format; ", "dvc.yaml: "


@pytest.fixture(scope="module")
def scratch(finished, tmp_path_factory):
    return copied(finished, tmp_path_factory.mktemp("scratch") / "project")


@pytest.fixture
def clone(scratch):
    """One copy of the finished project for all that edit files and commit nothing: Git puts them back."""
    yield scratch
    scratch.run("git", "checkout", "-q", ".")
    scratch.run("git", "clean", "-q", "-d", "--force")


def told(project):
    folder = Folder(project.folder)
    return [*contradictions(locked(folder), as_rebuilt(folder))]


def refused(project):
    with chdir(project.folder):
        return [str(row) for row in inspected(Folder(project.folder))[1]]


def test_a_finished_run_contradicts_itself_in_nothing(finished):
    assert told(finished) == refused(finished) == []


@pytest.mark.parametrize(("name", "old", "new", "expected"), [
    ("params.yaml", "eta: 0.1", "eta: 0.2", "dvc.lock was made with eta 0.1, params.yaml has 0.2"),
    ("data/fox.txt", "lazy", "busy", "dvc.lock was made with another data/fox.txt (stages: prepare)"),
    ("dvc.yaml", "python src/sample.py", "python -O src/sample.py",
     "dvc.lock was made with cmd python src/sample.py, dvc.yaml has python -O src/sample.py (stages: sample)"),
    ("dvc.lock", "eta: 0.1", "theta: 0.1", "dvc.lock was made with theta 0.1, params.yaml has nothing"),
    ("dvc.lock", "\n  plot:", "\n  draw:", "dvc.lock has no stage plot (stages: plot)"),
    ("dvc.lock", "path: src/sample.py", "path: src/other.py",
     "dvc.lock has no hash of the input src/sample.py (stages: sample)"),
    ("dvc.lock", "path: src/sample.py", "path: src/other.py",
     "dvc.lock was made with another src/other.py (stages: sample)"),
])  # fmt: skip
def test_what_the_lock_is_of_is_said_beside_what_is_committed(clone, name, old, new, expected):
    clone.edit(name, old, new)
    assert any(each.startswith(expected) for each in told(clone))


def test_an_input_that_nobody_else_has_and_a_result_that_only_the_lock_names_are_refused(clone):
    (clone.folder / "data/fox.txt").unlink()
    clone.edit("dvc.yaml", "      - metrics/sample.json: {cache: false}\n", "")
    assert refused(clone) == [
        f"DIFFERENT  prepare: data/fox.txt: {NOBODY}",
        "DIFFERENT  sample: metrics/sample.json: dvc.lock has it, and dvc.yaml does not name it: it was not rebuilt",
        "DIFFERENT  track: metrics/sample.json: no stage makes it",
    ]


@pytest.mark.slow
def test_a_text_that_dvc_cannot_give_is_named_with_dvcs_own_reason(project):
    project.run("git", "rm", "-q", "--cached", "data/fox.txt")
    project.run("dvc", "add", "-q", "data/fox.txt")
    project.commit("DVC has the text")
    shutil.rmtree(project.folder / ".dvc/cache/files")
    printed, complaint = said(project, "verify", code=1)
    assert f"DIFFERENT  prepare: data/fox.txt: {NOBODY}\n" in printed
    assert "rebuilding" not in printed
    assert complaint.startswith("warning: data/fox.txt: dvc get: ERROR: ")
    assert complaint.endswith("first difference: prepare: data/fox.txt\n")


def test_a_stage_that_used_another_file_than_was_made_is_named(clone):
    lock = (clone.folder / "dvc.lock").read_text()
    made = lock.index("- path: models/best.npz", lock.index("\n  train:\n"))
    (clone.folder / "dvc.lock").write_text(lock[:made] + lock[made:].replace("md5: ", "md5: 0", 1))
    assert told(clone) == []  # the output explains that later stages have read another one
    read = lock.index("- path: models/best.npz", lock.index("\n  sample:\n"))
    (clone.folder / "dvc.lock").write_text(lock[:read] + lock[read:].replace("md5: ", "md5: 0", 1))
    assert told(clone) == ["dvc.lock was made with another models/best.npz (stages: sample)"]


@pytest.mark.parametrize(("name", "contents", "line"), [
    ("dvc.lock", ["", "stages: [", "stages: {train: 3}", "stages: {train: {deps: []}}", "[]", "\0"], NO_LOCK),
    ("dvc.lock", [MERGED, None], NO_LOCK),
    ("dvc.yaml", ["stages: [\n", "", "stages: {train: {outs: [{}]}}"], NO_PIPELINE),
    ("dvc.yaml", [None], "dvc.yaml: not in this folder"),
])  # fmt: skip
def test_a_lock_or_a_pipeline_that_is_none_is_a_line(clone, name, contents, line):
    for content in contents:
        (clone.folder / name).write_text(content) if content is not None else (clone.folder / name).unlink()
        with pytest.raises(CheckFailed, match=f"^first difference: prepare: {line}"):
            refused(clone)
