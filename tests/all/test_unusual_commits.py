"""Honest commits in unusual repositories pass; what cannot be read, and contradicting tables, are named."""

import os
import shutil

import pytest
from claims import replace_by_link, submodule
from projects import Project, said, source
from study_projects import ask, conducted

from charloom.core.network import recipe

MEASURE = "held_out_bits_per_character"
QUESTION = f"vary: {{eta: [0.1, 0.05]}}\nbaseline: {{eta: 0.1}}\nseeds: 4\nmeasure: {MEASURE}\n"
COMMANDS = {"verify": "verify", "study": "study studies/a.yaml --prove 3"}
SAME = {"verify": (0, "same")}


def ensure_told(project, expected):
    """Let each command end with its code, say its words, and write no file."""
    for command, (code, *words) in expected.items():
        before = project.contents(), project.run("git", "status", "--short", "--untracked-files=all")
        printed = "".join(said(project, *COMMANDS[command].split(), code=code))
        assert [each for each in words if each not in printed] == [], printed
        assert (project.contents(), project.run("git", "status", "--short", "--untracked-files=all")) == before


@pytest.fixture
def project(project):
    """A finished project with a branch named base."""
    project.run("git", "branch", "base")
    return project


def subfolder_of_a_strange_repository(project):
    """Let the project be below another folder of any name, with names and settings that Git allows."""
    whole = Project(project.folder.parent / "ein Pröjekt: 'a' $b –")
    below = Project(whole.folder / "below")
    project.run("git", "init", "-q", str(whole.folder))
    shutil.copytree(project.folder, below.folder, ignore=shutil.ignore_patterns(".git"), symlinks=True)
    whole.commit()
    for name in ("base", "dvc.yaml", "src", "below", "metrics/train.json"):
        whole.run("git", "branch", name)
    whole.run("git", "update-ref", "refs/heads/HEAD", "HEAD")
    with open(os.fsencode(below.folder / "data") + b"/na\xefve.json", "wb") as file:  # noqa: PTH123  a name of bytes
        file.write(b"{}\n")
    submodule(below, "metrics/part", note_txt="a note\n")
    whole.commit()
    whole.run("git", "checkout", "-q", "--detach")
    whole.run("git", "config", "core.autocrlf", "true")
    for name in below.run("git", "ls-files", "metrics/*.json", "plots", "*.yaml", "dvc.lock").splitlines():
        (below.folder / name).unlink()
    below.run("git", "checkout", "-q", "--", ".")
    assert b"\r\n" in (below.folder / "metrics/train.json").read_bytes()
    return below


def sparse_worktree_of_a_bare_repository(project):
    project.run("git", "clone", "-q", "--bare", ".", "../bare.git")
    project.run("git", "-C", "../bare.git", "worktree", "add", "-q", "-b", "work", "../worktree", "base")
    worktree = Project(project.folder.parent / "worktree")
    worktree.run("git", "sparse-checkout", "set", ".dvc", "data", "metrics", "studies")
    worktree.commit()
    return worktree


@pytest.mark.usefixtures("rebuilt_once")
@pytest.mark.parametrize("plant", [subfolder_of_a_strange_repository, sparse_worktree_of_a_bare_repository])
def test_an_unusual_repository_that_is_honest_passes(project, plant):
    ensure_told(plant(project), SAME)


@pytest.mark.usefixtures("rebuilt_once")
def test_unusual_files_that_are_honest_pass(project, monkeypatch):
    shutil.copy(project.folder / "metrics/train.json", project.folder / "data/kept.json")
    replace_by_link(project, "metrics/train.json", "../data/kept.json")
    shutil.copytree(project.folder / "models/checkpoints", project.folder / "data/checkpoints")
    replace_by_link(project, "models/checkpoints", "../data/checkpoints")
    (project.folder / ".gitattributes").write_text("metrics/*.json filter=nowhere diff=nowhere\n")
    params = project.folder / "params.yaml"
    params.write_bytes(params.read_bytes().replace(b"\n", b"\r\n"))
    project.commit()
    # As a user's own settings may be: they hold in the clone too.
    settings = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.autocrlf", "GIT_CONFIG_VALUE_0": "true"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    ensure_told(project, SAME)


@pytest.mark.usefixtures("rebuilt_once")
def test_verify_names_uncommitted_files_and_does_not_check_them(project):
    project.run("git", "update-index", "--assume-unchanged", source(recipe))
    project.run("git", "update-index", "--skip-worktree", "metrics/train.json")
    project.append(source(recipe), "Recipe.initial = lambda self, K, seed: 1 / 0\n")
    (project.folder / "metrics/train.json").write_text("{}")
    ensure_told(project, {"verify": (0, "uncommitted changes", "same")})
    # New params are committed. The lock and the results that belong to them are only here.
    project.set(eta=0.2)
    project.run("git", "commit", "-q", "-m", "another eta", "params.yaml")
    project.edit("dvc.lock", "eta: 0.1", "eta: 0.2")
    contradiction = "dvc.lock was made with eta 0.1, params.yaml has 0.2"
    ensure_told(project, {"verify": (1, contradiction)})


def test_a_study_is_proven_whatever_is_in_params_yaml(project):
    ask(project, QUESTION.replace("seeds: 4", "seeds: 1"))
    conducted(project)
    project = subfolder_of_a_strange_repository(project)
    project.edit("params.yaml", "eta: 0.1", "eta: 0.1\neta: 1")
    project.commit()
    ensure_told(project, {"verify": (1, "'params.yaml'"), "study": (0, "same")})


@pytest.mark.usefixtures("rebuilt_once")
def test_verify_names_files_that_it_cannot_read_or_compare(project):
    replace_by_link(project, "plots/held_out.csv", "nowhere.csv")
    project.commit()
    ensure_told(project, {"verify": (1, "plots/held_out.csv: it is not committed")})
