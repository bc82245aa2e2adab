"""A commit whose dvc.lock was made from other inputs, and a commit that cannot be verified or read."""

import shutil

import pytest
from claims import refused
from projects import said

MERGED = "stages:\n<<<<<<< HEAD\n  a: {}\n=======\n>>>>>>> other\n"


def edited(name, old, new):
    return lambda project: project.edit(name, old, new)


def without_text(project):
    project.run("git", "rm", "-q", "--cached", "data/fox.txt")
    project.run("dvc", "add", "-q", "data/fox.txt", PYTHONPATH="")
    (project.folder / "data/fox.txt").unlink()
    shutil.rmtree(project.folder / ".dvc/cache/files")


def claim(project):
    (project.folder / "metrics/claim.json").write_text("{}\n")
    project.run("git", "add", "-f", "metrics/claim.json")


@pytest.mark.slow
@pytest.mark.usefixtures("rebuilt_once")
@pytest.mark.parametrize(
    ("plant", "line"),
    [
        (
            edited("params.yaml", "sigma: 0.01", "sigma: 0.02"),
            "dvc.lock was made with sigma 0.01, params.yaml has 0.02 (stages: ",
        ),
        (edited("data/fox.txt", "lazy", "busy"), "dvc.lock was made with another data/fox.txt (stages: prepare)"),
        (
            edited("dvc.yaml", "python src/sample.py", "python -O src/sample.py"),
            "dvc.lock was made with cmd python src/sample.py, ",
        ),
        (
            edited("dvc.lock", "path: src/sample.py", "path: src/other.py"),
            "dvc.lock was made with another src/other.py (stages: sample)",
        ),
    ],
)
def test_verify_shows_the_locked_value_next_to_the_committed_one(project, plant, line):
    plant(project)
    project.commit()
    printed = refused(project)
    assert f"cause  {line}" in printed
    assert "first difference: " in printed.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.usefixtures("rebuilt_once")
@pytest.mark.parametrize(
    ("plant", "row"),
    [
        (without_text, "prepare: no results: data/fox.txt is missing"),
        (claim, "track: metrics/claim.json: no stage makes it"),
        (
            edited("dvc.yaml", "  gradcheck:\n", "  gradcheck:\n    frozen: true\n"),
            "gradcheck: no results: it is frozen",
        ),
    ],
)
def test_unverifiable_results_are_no_difference_and_exit_with_5(project, plant, row):
    plant(project)
    project.commit()
    printed = refused(project, code=5)
    assert f"not verified  {row}" in printed
    assert printed.splitlines()[-1].startswith("not verified: ")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("dvc.lock", "stages: ["),
        ("dvc.lock", "stages: {train: 3}"),
        ("dvc.lock", "[]"),
        ("dvc.lock", "\0"),
        ("dvc.lock", MERGED),
        ("dvc.yaml", "stages: [\n"),
        ("dvc.yaml", "stages: {train: {outs: [{}]}}"),
    ],
)
@pytest.mark.slow
def test_a_lock_or_a_pipeline_that_is_none_is_a_line(project, name, content):
    (project.folder / name).write_text(content)
    project.commit()
    complaint = said(project, "verify", code=2 if name == "dvc.yaml" else 1)[1]
    start = "dvc.yaml: " if name == "dvc.yaml" else "first difference: DVC cannot read the project: "
    assert complaint.splitlines()[-1].startswith(start)
    assert name in complaint
    assert "Traceback" not in complaint
