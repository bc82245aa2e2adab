"""Users of a team's server: their passwords and permissions; the server refuses pages of other servers."""

import hashlib
import re
import stat

import pytest
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow_project import trained_again
from projects import copied
from study_projects import ask
from team import MODEL

QUESTION = "vary: {{eta: [0.1, {eta}]}}\nbaseline: {{eta: 0.1}}\nseeds: 1\nmeasure: held_out_bits_per_character\n"
DENIED = "user bob has no permission: ask the server's owner for the permission EDIT"
RUN_DENIED = f"(experiment 'charloom fox': {DENIED})"
STUDY_WAITS = f"warning: the study was not sent to MLflow (experiment 'charloom: studies': {DENIED})"
REPRODUCTIONS = "charloom.reproductions"
RUN_SENT, STUDY_SENT = "MLflow run as committed", "MLflow study studies/a.yaml: http://"


def test_pages_in_a_browser_may_ask_under_the_server_s_name(team):
    """A browser says where a page came from; MLflow alone refuses what does not come from localhost."""
    address, ann = f"http://mlflow.example.org:{team.port}", team.people["ann"]
    assert ann["MLFLOW_TRACKING_URI"] == address
    login, asked = ("ann", ann["MLFLOW_TRACKING_PASSWORD"]), f"{team.here}/ajax-api/2.0/mlflow/experiments/search"
    for page, code in ((address, 200), ("http://evil.example.org", 403)):
        headers = {"Host": "mlflow.example.org", "Origin": page}
        answer = requests.post(asked, json={"max_results": 1}, auth=login, headers=headers, timeout=60)
        assert answer.status_code == code


def test_a_student_deletes_no_run_and_a_renamed_experiment_gets_its_name_back(team, tmp_path, monkeypatch):
    (tmp_path / "novel.txt").write_text("a novel of its own")
    team.let_in("ann")
    said = team.run("course", f"TEXT={tmp_path}/novel.txt")
    line = (
        "created experiment 'charloom novel': it belongs to the server's owner, so no other user may delete its runs\n"
    )
    assert line in said
    assert "experiment 'charloom novel' exists" in team.run("course", f"TEXT={tmp_path}/novel.txt")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/novel.txt").write_text("another novel")
    said = team.run("course", f"TEXT={tmp_path}/other/novel.txt", "NAME=cleo")
    assert f"created experiment 'charloom novel {hashlib.sha256(b'another novel').hexdigest()[:8]}': " in said
    assert "cleo" in team.run("user", "LIST=1")
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

    # The next commands only read.
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
        team.said("bob", bob, "charloom", "track")  # if bob's sender has not tried again already
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
