"""Two people, one server: PostgreSQL and MLflow with passwords, as `make server` starts them."""

import hashlib
import re
import signal
import socket
import stat
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata

import psutil
import pytest
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow_project import holds_what_the_files_hold, trained_again
from projects import copied, until
from stores import before, free_port
from study_projects import ask
from team import PYTHON, SCRIPT, Team

MODEL = "models:/charloom-fox@best"
QUESTION = "vary: {{eta: [0.1, {eta}]}}\nbaseline: {{eta: 0.1}}\nseeds: 1\nmeasure: held_out_bits_per_character\n"
DENIED = "user bob has no permission: ask the server's owner for the permission EDIT"
RUN_DENIED = f"(experiment 'charloom fox': {DENIED})"
STUDY_WAITS = f"warning: the study was not sent to MLflow (experiment 'charloom: studies': {DENIED})"
REPRODUCTIONS = "charloom.reproductions"
RUN_SENT, STUDY_SENT = "MLflow run as committed", "MLflow study studies/a.yaml: http://"


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    team = Team(tmp_path_factory.mktemp("t"), "NAMES=mlflow.example.org")
    for name in ("ann", "bob"):
        team.let_in(name)
    yield team
    team.end()
    assert not team.databases()


@pytest.fixture(scope="module")
def seeded(finished, tmp_path_factory):
    """A project with another seed."""
    project = copied(finished, tmp_path_factory.mktemp("seeded") / "project")
    project.set(seed=2)
    project.run("dvc", "repro", MLFLOW_TRACKING_URI="sqlite:///elsewhere.db")
    return project


@pytest.fixture
def two(finished, tmp_path, team):
    """The projects of two people, with the same results."""
    return copied(finished, tmp_path / "ann's"), copied(finished, tmp_path / "bob's")


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


def test_pages_in_a_browser_may_ask_under_the_server_s_name(team):
    """A browser says where a page came from; MLflow alone refuses what does not come from localhost."""
    address, ann = f"http://mlflow.example.org:{team.port}", team.people["ann"]
    assert ann["MLFLOW_TRACKING_URI"] == address
    login, asked = ("ann", ann["MLFLOW_TRACKING_PASSWORD"]), f"{team.here}/ajax-api/2.0/mlflow/experiments/search"
    for page, code in ((address, 200), ("http://evil.example.org", 403)):
        headers = {"Host": "mlflow.example.org", "Origin": page}
        answer = requests.post(asked, json={"max_results": 1}, auth=login, headers=headers, timeout=60)
        assert answer.status_code == code


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


def test_a_student_deletes_no_run_and_a_renamed_experiment_gets_its_name_back(team, tmp_path, monkeypatch):
    (tmp_path / "novel.txt").write_text("a novel of its own")
    team.let_in("ann")
    said = team.run("course", f"TEXT={tmp_path}/novel.txt")
    line = (
        "created experiment 'charloom novel': it belongs to the server's owner, so no other user may delete its runs\n"
    )
    assert line in said
    assert "experiment 'charloom novel' exists" in team.run("course", f"TEXT={tmp_path}/novel.txt")
    team.runs(monkeypatch)  # as ann
    client = MlflowClient(team.here)
    experiment = client.get_experiment_by_name("charloom novel")
    assert experiment.tags["charloom.text_sha256"] == hashlib.sha256(b"a novel of its own").hexdigest()
    run = client.create_run(experiment.experiment_id)
    with pytest.raises(MlflowException, match="403"):
        client.delete_run(run.info.run_id)
    with monkeypatch.context() as owner:
        for name, value in re.findall(r"admin_(\w+) = (\S+)", (team.data / "auth.ini").read_text()):
            owner.setenv(f"MLFLOW_TRACKING_{name.upper()}", value)
        client.delete_run(run.info.run_id)
    client.rename_experiment(experiment.experiment_id, "mine")
    team.end()
    team.start()
    assert "experiment 'charloom novel' was renamed to 'mine'; it has its old name again" in team.printed.read_text()
    assert client.get_experiment(experiment.experiment_id).name == "charloom novel"


def test_users_are_listed_removed_and_added_from_a_file(team, tmp_path):
    names = [f"student{number:02}" for number in range(30)]
    file = tmp_path / "class.txt"
    file.write_text("\n".join([*names, ""]))
    rows = dict(line.split() for line in team.run("user", f"FILE={file}").splitlines()[1:31])
    assert (list(rows), len(set(rows.values()))) == (names, 30)
    team.let_in("teacher", "PERMISSION=READ")
    again = team.run("user", f"FILE={file}")
    assert f"keep their passwords, unless you add RENEW=1: {', '.join(names)}\n" in again
    assert not any(password in again for password in rows.values())
    renewed = dict(line.split() for line in team.run("user", f"FILE={file}", "RENEW=1").splitlines()[1:31])
    assert (list(renewed), len({*renewed.values(), *rows.values()})) == (names, 60)
    permissions = dict(line.split() for line in team.run("user", "LIST=1").splitlines())
    assert (permissions["student07"], permissions["teacher"], permissions["admin"]) == ("EDIT", "READ", "owner")
    team.let_in("ann", "PERMISSION=READ")  # who has made an experiment manages that one alone
    assert dict(line.split() for line in team.run("user", "LIST=1").splitlines())["ann"] == "READ"
    team.let_in("ann")
    assert team.run("user", f"FILE={file}", "REMOVE=1").count("removed student") == 30
    assert "student" not in team.run("user", "LIST=1")
    said = team.run("user", "NAME=student07", "REMOVE=1", expect=2)
    assert said == "NAME=student07: no such user; `make server-user LIST=1` lists them\n"
    file.write_text("ann\nb b\n")
    assert f"FILE={file}: b b is not allowed" in team.run("user", f"FILE={file}", expect=2)
    assert team.run("user", "NAME=ann", "REMOVE=yes", expect=2) == "REMOVE=yes is not allowed; allowed is 1\n"


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
        said = other.run("start", f"RESTORE={tmp_path / 'copy'}", expect=2)
        assert "exists already; RESTORE needs a new folder as DATA" in said
        assert not (folder / "data/artifacts").exists()
    finally:
        other.end()


@pytest.fixture(scope="module")
def shared(team, finished, tmp_path_factory):
    """Let ann have a run, a model and a study on the server."""
    ann = copied(finished, tmp_path_factory.mktemp("shared") / "ann")
    ask(ann, QUESTION.format(eta=0.05))
    team.said("ann", ann, "charloom", "track")
    assert STUDY_SENT in team.said("ann", ann, "charloom", "study", "studies/a.yaml")


@pytest.mark.parametrize(("way", "writes", "reads"), [
    ("READ", False, True), ("NO_PERMISSIONS", False, False), ("NO_PERMISSIONS but for a role", True, True),
])  # fmt: skip
@pytest.mark.usefixtures("shared")
def test_each_permission_shows_a_second_person_the_right_runs(team, two, monkeypatch, way, writes, reads):
    bob, eta = two[1], 0.1 + len(way) / 100
    had = team.runs(monkeypatch)  # what ann sees: she has made the experiments, and is hidden nothing
    (anns,) = [run for run in had.values() if run.info.run_name == "as committed · seed 1"]
    team.let_in("bob", f"PERMISSION={'EDIT' if writes else 'READ'}")
    team.default_permission(way.split()[0])
    if way == "READ":
        said = team.said("bob", bob, "charloom", "doctor", expect=1)
        assert f"NO  may write         experiment 'charloom fox': {DENIED}" in said

    # A run of the pipeline: ann's own, made again.
    trained_again(bob)
    said = team.said("bob", bob, "charloom", "track", expect=0 if writes else 5)
    assert (RUN_SENT if writes else RUN_DENIED) in said

    # A study: ann's, asked by bob too, and another one in a file of its name.
    for value, seeds in ((0.05, "1"), (eta, "[2]")):
        ask(bob, QUESTION.format(eta=value).replace("seeds: 1", f"seeds: {seeds}"))
        said = team.said("bob", bob, "charloom", "study", "studies/a.yaml", "--anew")
        assert (STUDY_SENT if writes else STUDY_WAITS) in said

    # What is only read.
    said = team.said("bob", bob, "charloom", "sample", "--model", MODEL, expect=0 if reads else 5)
    assert reads or said == f"{MODEL} (if it exists): {DENIED}\n"
    shown = re.findall(r"/#/experiments/(\d+)/runs", team.said("bob", bob, "charloom", "ui"))
    (study,) = {run.info.experiment_id for run in had.values() if "charloom.study" in run.data.tags}
    fox = anns.info.experiment_id
    assert shown == ([fox, study] if reads else [])

    # Nothing of ann's is gone, and nothing is there twice. What waited arrives with the permission.
    now = team.runs(monkeypatch)
    if not writes:
        assert now.keys() == had.keys()
        team.let_in("bob")
        assert STUDY_SENT in team.said("bob", bob, "charloom", "track")
        now = team.runs(monkeypatch)
    assert had.keys() <= now.keys()
    new = [(run.info.user_id, run.info.run_name) for key, run in now.items() if key not in had]
    assert [row for row in new if row[0] in {"ann", "bob"}] == [("bob", "a")]
    counted = int(now[anns.info.run_id].data.tags[REPRODUCTIONS])
    assert counted == int(anns.data.tags[REPRODUCTIONS]) + 1


def test_nobody_else_may_read_the_keys_and_a_forgotten_password_is_made_anew(team, two):
    assert stat.S_IMODE((team.data / "auth.ini").stat().st_mode) == 0o600
    before = team.people["bob"]["MLFLOW_TRACKING_PASSWORD"]
    assert "exists, and has a new password" in team.let_in("bob")
    assert team.people["bob"]["MLFLOW_TRACKING_PASSWORD"] != before
    assert before not in (team.data / "auth.ini").read_text()
    team.people["eve"] = team.people["bob"] | {"MLFLOW_TRACKING_PASSWORD": before}
    said = team.said("eve", two[1], "charloom", "doctor", expect=1)
    assert "the server refuses the name or the password in MLFLOW_TRACKING_USERNAME and " in said


@pytest.mark.usefixtures("team")  # it has made the environment
@pytest.mark.parametrize(("command", "setting", "words"), [
    ("user", "NAME=b b", "NAME=b b is not allowed; allowed are up to 64 of A-Z, a-z, 0-9, _, . and -, first a letter "),
    ("user", "NAME=admin", "NAME=admin is not allowed; "),
    ("user", "NAME=ann", "auth.ini: missing or incomplete; `make server` creates it; if you gave DATA= "),
    ("start", "HOST=0.0.0.0", "HOST=0.0.0.0: NAMES must name this server"),
    ("start", "HOST=::", "HOST=::: NAMES must name this server"),
    ("course", "TEXT=gone.txt", "TEXT=gone.txt: No such file or directory; TEXT is the file of the course's text\n"),
    ("course", "FILE=class.txt", "TEXT=: No such file or directory; TEXT is the file of the course's text\n"),
    ("user", "PERMISION=READ", "PERMISION=READ: no such setting; allowed are DATA, HOST, "),
    ("start", "PORT=many", "PORT=many is not allowed; allowed is a whole number from 1 to 65535\n"),
    ("start", "PORT=0", "PORT=0 is not allowed; allowed is a whole number from 1 to 65535\n"),
    ("start", "PORT={taken}", "`make server PORT=5001` uses another port"),
    ("start", "DATA=/a&b", "DATA=/a&b: allowed are letters, digits, _, -, . and /, at most 75 bytes\n"),
])  # fmt: skip
def test_a_wrong_setting_is_one_line(tmp_path_factory, command, setting, words):
    folder = tmp_path_factory.mktemp("w")  # a short name
    with socket.create_server(("127.0.0.1", 0)) as taken:
        given = f"DATA={folder / 'data'}", setting.format(taken=taken.getsockname()[1])
        done = subprocess.run([PYTHON, SCRIPT, command, *given], capture_output=True, text=True, check=False)
    assert (done.returncode, words in done.stderr, done.stderr.count("\n")) == (2, True, 1), done.stderr
    assert not (folder / "data/auth.ini").exists()


@pytest.mark.usefixtures("team")
@pytest.mark.parametrize(("names", "setting", "words"), [
    ("\ufeffann\ncäsar\n", "LIST=", "FILE={file}: cäsar is not allowed; allowed are up to 64 of "),  # ann is allowed
    ("ann\n", "NAME=eve", "NAME=eve: not allowed with FILE={file}; allowed is one of them\n"),
])  # fmt: skip
def test_a_wrong_class_list_is_one_line(tmp_path, names, setting, words):
    file = tmp_path / "class.txt"
    file.write_text(names, encoding="utf-8")
    command = [PYTHON, SCRIPT, "user", f"DATA={tmp_path}", f"FILE={file}", setting]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert done.stderr.startswith(words.format(file=file))
