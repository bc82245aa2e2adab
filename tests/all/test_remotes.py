"""Files in real places: the remotes of docs/sharing.md, with what `make setup TEAM=1` brings; a server's in S3."""

import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import places
import pytest
from projects import ROOT, Project, copied
from recorded import holds_what_the_files_hold
from team import Team
from test_sharing import ann, block

__all__ = ["ann"]
PARTS = ("Makefile", "pyproject.toml", "README.md", "LICENSE", "requirements.lock", "requirements-team.lock")


@pytest.fixture(scope="module")
def programs(tmp_path_factory) -> str:
    """Return where an environment with a team's packages has its programs, as `make setup TEAM=1` makes it."""
    folder = tmp_path_factory.mktemp("team")
    for name in PARTS:
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(["make", "-s", "setup", "TEAM=1", f"PYTHON={sys.executable}"], cwd=folder, check=True)
    return str(folder / ".venv/bin")


@pytest.fixture(scope="module")
def binary(tmp_path_factory) -> Path:
    return places.rclone(tmp_path_factory.mktemp("rclone"))


@pytest.mark.parametrize("kind", ["s3", "ssh", "webdavs"])
def test_two_people_share_files_there(ann, tmp_path, programs, binary, kind):
    there, stack = tmp_path / "there", ExitStack()
    (there / "bucket").mkdir(parents=True)
    variables, mine = {"PATH": f"{programs}:/usr/bin:/bin"}, ""
    with stack:
        if kind == "s3":
            variables |= places.KEYS
            changed = {"https://s3.example.org": stack.enter_context(places.s3(binary, there))}
        elif kind == "ssh":
            changed = {"ssh://host/srv": f"{stack.enter_context(places.ssh(tmp_path))}{there}"}
            changed["~/.ssh/id_ed25519"] = str(tmp_path / "key")
        else:
            changed = {"webdavs://example.org": stack.enter_context(places.webdav(binary, there))}
            changed["'…'"] = f'"{places.PASSWORD}"'

        def typed(person: Project, commands: str) -> str:
            for old, new in changed.items():
                commands = commands.replace(old, new)
            return person.run("bash", "-e", "-c", commands, **variables)

        before = ann.run("git", "rev-parse", "HEAD").strip()
        typed(ann, block(f"dvc remote add -d ours {kind}"))
        ann.run("git", "commit", "-q", "-m", "A DVC remote", ".dvc/config")
        ann.run("git", "push", "-q")
        if kind != "s3":
            mine = block(f"dvc remote add --local ours {kind}")
            typed(ann, mine)
        if kind == "webdavs":  # the one place where DVC does not make the folder
            assert "charloom/: not there" in typed(ann, "charloom doctor || true")
            (there / "charloom").mkdir()
        assert "files pushed" in typed(ann, block("dvc push"))
        bob = Project(tmp_path / "bob")
        subprocess.run(["git", "clone", "-q", tmp_path / "origin.git", bob.folder], check=True)
        typed(bob, mine)
        said = typed(bob, block("make setup"))
        assert "files fetched" in said
        assert "Data and pipelines are up to date." in said
        assert "read" in typed(bob, "charloom doctor | grep 'DVC remote'")
        bob.run("git", "checkout", "-q", before)
        typed(bob, "dvc status")


def test_a_server_keeps_its_files_in_s3(finished, tmp_path, tmp_path_factory, binary, monkeypatch):
    there, project = tmp_path / "there", copied(finished, tmp_path / "ann")
    (there / "bucket").mkdir(parents=True)
    with places.s3(binary, there) as endpoint:
        keys = places.KEYS | {"MLFLOW_S3_ENDPOINT_URL": endpoint}
        team = Team(tmp_path_factory.mktemp("s"), "ARTIFACTS=s3://bucket/mlflow", **keys)
        try:
            team.let_in("ann")
            assert "warning" not in team.said("ann", project, "charloom", "track")
            for name, value in team.people["ann"].items():
                monkeypatch.setenv(name, value)
            (run,) = project.runs(team.here)
            holds_what_the_files_hold(project, project.client(team.here), run)
            report = there / "bucket/mlflow" / run.info.experiment_id / run.info.run_id / "artifacts/report.html"
            assert report.read_bytes() == (project.folder / "reports/report.html").read_bytes()
            written = team.said("ann", project, "charloom", "sample", "--model", "models:/charloom-fox@best")
            assert written == project.run("charloom", "sample")
        finally:
            team.end()
    assert not (team.data / "artifacts").exists()
