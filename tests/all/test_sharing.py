"""docs/sharing.md, its blocks typed by two people on this machine."""

import re
import subprocess
from pathlib import Path

import pytest
from projects import ROOT, Project, copied

PAGE = (ROOT / "docs/sharing.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def block(start: str) -> str:
    """Return the one block that begins so, without what needs no test here."""
    (found,) = [each for each in BLOCKS if each.startswith(start)]
    return re.sub(r"^(make setup && )?\. \.venv/bin/activate\n", "", found)


@pytest.fixture
def ann(finished, tmp_path) -> Project:
    """A person's clone, whose results are committed, of a repository that two share."""
    ann = copied(finished, tmp_path / "ann")
    ann.run("git", "add", "-A")
    ann.run("git", "commit", "-q", "--allow-empty", "-m", "results")
    ann.run("git", "clone", "-q", "--bare", ".", str(tmp_path / "origin.git"))
    ann.run("git", "remote", "add", "origin", str(tmp_path / "origin.git"))
    ann.run("git", "push", "-q", "-u", "origin", "HEAD")
    return ann


def typed(person: Project, commands: str, folder: Path) -> str:
    return person.run("bash", "-e", "-c", commands.replace("/mnt/shared/charloom", str(folder / "shared")))


def test_two_people_share_results_and_an_experiment(ann, tmp_path):
    before = ann.run("git", "rev-parse", "HEAD").strip()
    typed(ann, block(". .venv/bin/activate\ndvc remote add"), tmp_path)
    assert re.search(r"\d+ files pushed", typed(ann, block("dvc push"), tmp_path))
    bob = Project(tmp_path / "bob")
    subprocess.run(["git", "clone", "-q", tmp_path / "origin.git", bob.folder], check=True)
    said = typed(bob, block("make setup"), tmp_path)
    assert "files fetched" in said
    assert "Data and pipelines are up to date." in said
    said = typed(ann, block("dvc exp run"), tmp_path)
    assert "Pushed experiment slower to Git remote 'origin'." in said
    typed(bob, block("dvc exp list"), tmp_path)
    assert bob.run("dvc", "status").strip() == "Data and pipelines are up to date."
    # A commit from before the remote: every command works, with a key of one's own, too.
    typed(bob, block("dvc remote add --local ours ssh"), tmp_path)
    bob.run("git", "checkout", "-q", before)
    bob.run("dvc", "status")
    bob.run("dvc", "repro")
    bob.run("dvc", "exp", "run", "-S", "seed=5")


@pytest.mark.parametrize("kind", ["s3", "ssh", "webdavs"])
def test_other_places_are_named_as_dvc_names_them(ann, tmp_path, kind):
    typed(ann, block(f"dvc remote add -d ours {kind}"), tmp_path)
    assert f"ours {kind}://" in " ".join(ann.run("dvc", "remote", "list").split())


def test_settings_of_the_server_are_those_that_it_knows():
    known = set(re.findall(r"GIVEN\.get\(\"(\w+)\"", (ROOT / "server/server.py").read_text()))
    said = set(re.findall(r"`?\b([A-Z]{4,})\b=?", " ".join(re.findall(r"`([^`\n]+)`|^make .*$", PAGE, re.MULTILINE))))
    assert known - {"NAME"} <= said
