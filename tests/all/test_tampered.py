"""Commits that claim false things: each is refused before anything runs, or its difference is named."""

import pytest
from claims import refused, relock, replace_by_link, set_metric, submodule

LINK = "a link that leads out of the repository"


def frozen(project):
    """The stage is frozen, and a number of its outputs and their hash in dvc.lock are edited."""
    project.edit("dvc.yaml", "  gradcheck:\n", "  gradcheck:\n    frozen: true\n")
    set_metric(project, "gradcheck", "tolerance", "1e-9")


def of_a_submodule(project):
    submodule(project, "part", claim_json='{"accuracy": 1.0}\n', dvc_yaml="metrics: [claim.json]\n")
    assert "part/claim.json" in project.run("dvc", "metrics", "show", PYTHONPATH="")


def output_by_another_path(project):
    """Its hash in dvc.lock is none."""
    relock(project, "models/best.npz", b"another")
    for name in ("dvc.yaml", "dvc.lock"):
        project.edit(name, "models/best.npz", "reports/../models/best.npz")


def link_out(project):
    """Stages would write into the folder."""
    project.run("cp", "-r", "metrics", "../outside")
    replace_by_link(project, "metrics", str(project.folder.parent / "outside"))


def links_in_a_loop(project):
    replace_by_link(project, "metrics/a", "b")
    replace_by_link(project, "metrics/b", "a")


def link_above_the_text(project):
    """The text is in DVC, and where it is to lie is below a link to a folder outside."""
    project.run("git", "rm", "-q", "--cached", "data/fox.txt")
    project.run("dvc", "add", "-q", "data/fox.txt", PYTHONPATH="")
    project.edit("data/fox.txt.dvc", "path: fox.txt", "path: below/fox.txt")
    (project.folder / "data/fox.txt").unlink()
    (project.folder / "data/below").symlink_to("../../outside")
    project.set(text="data/below/fox.txt")


CLAIMS = {
    frozen: (1, "not verified  gradcheck: no results: it is frozen"),
    of_a_submodule: (5, "not verified  part: dvc.yaml: a submodule"),
    output_by_another_path: (1, "DIFFERENT  train: models/best.npz: dvc.lock has "),
    link_out: (1, f"metrics: {LINK}\n"),
    links_in_a_loop: (1, f": {LINK}\n"),
    link_above_the_text: (1, f"data/below: {LINK}\n"),
}


@pytest.mark.usefixtures("rebuilt_once")
@pytest.mark.parametrize("plant", CLAIMS)
def test_verify_names_outputs_that_no_stage_makes_and_writes_nothing_outside(project, tmp_path, plant):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("somebody's")
    plant(project)
    project.commit()
    before = {path: path.stat().st_mtime_ns for path in (outside, *outside.rglob("*"))}
    code, row = CLAIMS[plant]
    assert row in refused(project, code)
    assert {path: path.stat().st_mtime_ns for path in (outside, *outside.rglob("*"))} == before


def edited(project):
    project.edit("plots/smooth_loss.csv", "\n400,", "\n400,1")


def replaced(project):
    """Edit dvc.lock, too, also the hash of a model."""
    set_metric(project, "train", "smooth_loss", "0.123")
    relock(project, "models/best.npz", b"another model")


def behind_git_attributes(project):
    """Git writes it with other line ends and in another encoding than it keeps."""
    (project.folder / ".gitattributes").write_text("metrics/*.json text eol=lf working-tree-encoding=UTF-8\n")
    set_metric(project, "sample", "known_words", "0.125")


def kept_by_dvc_and_by_git(project):
    """DVC would refuse an output that Git tracks, but for a line in its config, which is committed."""
    project.edit(".dvc/config", "[core]\n", "[core]\n    no_scm = true\n")
    path = project.folder / "reports/sample_table.json"
    text = path.read_text()
    path.unlink()  # the cache's own file may be behind it
    path.write_text(text.replace("the", "teh", 3))
    project.run("git", "add", "-f", "reports/sample_table.json")


def numbers_that_are_hard_to_read(project):
    set_metric(project, "prepare", "characters", "1" * 5000)  # more digits than Python reads
    set_metric(project, "train", "smooth_loss", "1e400")
    set_metric(project, "sample", "known_words", "NaN")
    set_metric(project, "gradcheck", "entries", "1" * 4000)


# What was planted: what the last line begins with, and what the line of a file or of a cause has in it.
TAMPERED = {
    edited: (
        "train: plots/smooth_loss.csv",
        "plots/smooth_loss.csv: line 6 (update 400): smooth_loss: committed 1",
        "plots/smooth_loss.csv: edited after train made it: dvc.lock has the hash of what was rebuilt",
    ),
    replaced: (
        "train: models/best.npz",
        "models/best.npz: dvc.lock was edited: train makes other outputs with the same hashes from the same inputs",
        "metrics/train.json: edited after train made it, and dvc.lock too: train makes other outputs with the same",
    ),
    behind_git_attributes: ("sample: metrics/sample.json", "DIFFERENT  sample: metrics/sample.json"),
    kept_by_dvc_and_by_git: ("sample: reports/sample_table.json", "DIFFERENT  sample: reports/sample_table.json"),
    numbers_that_are_hard_to_read: (
        "prepare: metrics/prepare.json",
        "smooth_loss: committed Infinity, rebuilt",
        "known_words: committed NaN, rebuilt",
        "entries: committed 1111",
    ),
}


@pytest.mark.usefixtures("rebuilt_once")
@pytest.mark.parametrize("plant", TAMPERED)
def test_verify_names_planted_files(project, plant):
    last, *words = TAMPERED[plant]
    plant(project)
    project.commit()
    lines = refused(project).splitlines()
    assert lines[-1].startswith(f"first difference: {last}")
    assert [each for each in words if each not in "\n".join(lines)] == []
    project.run("git", "diff", "HEAD", "--exit-code")


@pytest.mark.usefixtures("rebuilt_once")
def test_a_commit_in_whose_place_git_shows_an_honest_one_is_named(project):
    """Everybody else gets the commit."""
    set_metric(project, "train", "smooth_loss", "0.123")
    project.run("git", "replace", project.commit(), "HEAD~1")
    project.run("git", "reset", "-q", "--hard", "HEAD")
    assert "smooth_loss: committed 0.123, rebuilt" in refused(project)
