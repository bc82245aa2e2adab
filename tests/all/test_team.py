"""Two people, one server, as `make server` starts it: what they share outlives kills, upgrades and restored copies."""

import re
import signal
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata

import psutil
import pytest
from mlflow import MlflowClient
from mlflow_project import holds_what_the_files_hold, trained_again
from projects import copied, until
from stores import before, free_port
from team import MODEL, Team


@pytest.fixture(scope="module")
def seeded(finished, tmp_path_factory):
    """A project with another seed."""
    project = copied(finished, tmp_path_factory.mktemp("seeded") / "project")
    project.set(seed=2)
    project.run("dvc", "repro", MLFLOW_TRACKING_URI="sqlite:///elsewhere.db")
    return project


def test_two_people_share_a_run_and_a_text(team, two, seeded, monkeypatch):
    for name, project in zip(("ann", "bob"), two, strict=True):
        trained_again(project)
        assert "warning" not in team.said(name, project, "charloom", "track")
        assert "may write         experiment 'charloom fox'\n" in team.said(name, project, "charloom", "doctor")
    team.said("bob", seeded, "charloom", "track")
    second, first = team.runs(monkeypatch).values()
    assert first.data.tags["charloom.reproductions"] == "1"
    assert [run.info.user_id for run in (first, second)] == ["ann", "bob"]
    assert "| bob |" in first.data.tags["mlflow.note.content"]
    assert f"ended; `make server {' '.join(team.settings)}` continues" in team.end()
    team.start()
    assert len(team.runs(monkeypatch)) == 2


def test_a_run_whose_server_is_killed_meanwhile_is_complete_after_another_track(team, seeded, monkeypatch):
    """PostgreSQL ends with it, and both start again on the same data."""
    client, moment = MlflowClient(team.here), 20  # in the middle of its requests
    for run in team.runs(monkeypatch):
        client.delete_run(run)
    with before(team.here, fails=lambda number: number == moment and team.kill()) as (address, asked):
        seeded.run("charloom", "track", expect=5, **team.people["ann"] | {"MLFLOW_TRACKING_URI": address})
    assert len(asked) >= moment
    team.start()
    team.said("ann", seeded, "charloom", "track")
    (run,) = team.runs(monkeypatch).values()
    holds_what_the_files_hold(seeded, client, run)
    assert len(client.search_model_versions(f"run_id = '{run.info.run_id}'")) == 1


def test_an_upgrade_dumps_the_database_first_and_keeps_all(team, two, monkeypatch):
    team.said("ann", two[0], "charloom", "track")
    there = team.runs(monkeypatch).keys()
    assert there
    team.end()
    settings, own = team.data / "auth.ini", metadata.version("mlflow")
    for version, said in (("99.0", "which MLflow"), ("2.22.0", "would change the database of MLflow 2.22.0")):
        settings.write_text(re.sub("charloom_mlflow = .*", f"charloom_mlflow = {version}", settings.read_text()))
        assert said in team.run("start", expect=2)
    assert not [*team.data.glob("before-*.sql")]
    team.settings.append("UPGRADE=1")
    team.start()
    assert f"charloom_mlflow = {own}\n" in settings.read_text()
    team.settings.remove("UPGRADE=1")
    (dump,) = team.data.glob("before-*.sql")
    team.end()
    # An earlier version recorded the path of its own folder, which has been moved since.
    old = re.sub("charloom_mlflow = .*\n", "", settings.read_text())
    settings.write_text(old.replace("charloom_artifacts = ", f"charloom_artifacts = {team.data}-old/artifacts"))
    team.start()
    assert "charloom_artifacts = \n" in settings.read_text()
    assert all(run in dump.read_text() for run in there)
    assert stat.S_IMODE(dump.stat().st_mode) == 0o600
    assert team.runs(monkeypatch).keys() == there


def test_a_killed_server_leaves_no_process_and_nohup_outlives_the_terminal(team):
    assert team.kill()
    own = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what nohup does; a process has it from who starts it
    try:
        team.start()
    finally:
        signal.signal(signal.SIGHUP, own)
    assert "exists, and has a new password" in team.let_in("bob")
    team.process.send_signal(signal.SIGHUP)
    time.sleep(2)
    assert team.process.poll() is None
    assert team.databases()


def test_data_left_by_a_guard_that_was_killed_too_are_used_again(team):
    left = psutil.Process(team.process.pid).children(recursive=True)
    team.process.kill()
    team.process.wait()
    for process in left:
        process.kill()
    psutil.wait_procs(left)
    assert team.databases()
    team.start()
    assert "exists, and has a new password" in team.let_in("bob")


def test_a_second_server_on_the_same_data_is_refused_and_disturbs_nothing(team):
    for port in (free_port(), team.port):
        said = team.run("start", f"PORT={port}", expect=5)
        assert said == f"DATA={team.data}: process {team.process.pid} uses it; end it first\n"
    assert "ann" in team.run("user", "LIST=1")


def test_a_killed_database_is_started_again(team, two):
    psutil.Process(int((team.data / "postgres/postmaster.pid").read_text().split()[0])).kill()
    team.wait_for("PostgreSQL has ended; restarting it")
    team.wait_for("PostgreSQL is running again")
    assert "warning" not in team.said("ann", two[0], "charloom", "track")


@pytest.mark.parametrize("part", ["uvicorn", "mlflow"])
def test_a_killed_mlflow_is_started_again(team, two, part):
    """A kernel whose memory is short ends the worker; then MLflow ends, too."""
    printed = team.printed.read_text().count("MLflow is running again")
    processes = psutil.Process(team.process.pid).children(recursive=True)
    next(process for process in processes if part in process.cmdline()).kill()
    until(lambda: team.printed.read_text().count("MLflow is running again") > printed, 120, 0.1)
    assert "restarting it in " in team.printed.read_text()
    assert "warning" not in team.said("ann", two[0], "charloom", "track")


def test_a_backup_under_load_is_restored_with_runs_models_and_users(team, two, tmp_path, tmp_path_factory, monkeypatch):
    anns, _ = two
    team.said("ann", anns, "charloom", "track")
    anns.set(seed=77)
    before_it = team.runs(monkeypatch).keys()
    with ThreadPoolExecutor() as pool:
        sending = pool.submit(team.said, "ann", anns, "dvc", "repro")
        said = team.run("backup", f"TO={tmp_path / 'copy'}")
        assert "warning" not in sending.result()
    assert f"RESTORE={tmp_path / 'copy'}" in said
    assert not [*tmp_path.glob(".*.new")]
    assert (tmp_path / "copy/.gitignore").read_text() == "*\n"  # it has the owner's password
    assert "is not allowed; allowed is a new folder" in team.run("backup", f"TO={tmp_path / 'copy'}", expect=2)
    there = team.runs(monkeypatch).keys()
    written = team.said("ann", anns, "charloom", "sample", "--model", MODEL)

    said = team.run("start", f"ARTIFACTS={tmp_path}", expect=2)
    assert said.startswith(f"ARTIFACTS={tmp_path}: the artifacts are in {team.data / 'artifacts'}; if you have moved ")
    folder = tmp_path_factory.mktemp("r")
    restored = f"RESTORE={tmp_path / 'copy'}"
    said = team.run("start", "ARTIFACTS=s3://bucket/x", restored, f"DATA={folder / 'new'}", expect=2)
    assert said.startswith("ARTIFACTS=s3://bucket/x: allowed is a local folder, for the backup has the artifacts in ")
    other = Team(folder, restored, "NAMES=mlflow.example.org", f"ARTIFACTS={folder / 'elsewhere'}")
    other.people = team.people
    try:
        assert before_it <= other.runs(monkeypatch).keys() <= there
        assert other.said("ann", anns, "charloom", "sample", "--model", MODEL) == written
        assert other.run("user", "LIST=1") == team.run("user", "LIST=1")
        inside = folder / "elsewhere/copy"
        said = other.run("backup", f"TO={inside}", expect=2)
        assert said == f"TO={inside} is not allowed; allowed is a new folder outside {other.data} and {inside.parent}\n"
        said = other.run("start", f"RESTORE={tmp_path / 'copy'}", expect=2)
        assert "exists already; RESTORE needs a new folder as DATA" in said
        assert not (folder / "data/artifacts").exists()
    finally:
        other.end()
