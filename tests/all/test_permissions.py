"""What a second person sees of a team's server: with each permission that MLflow knows, in each place."""

import re

import pytest
from projects import copied, started
from stores import before
from study_projects import ask
from team import Team

QUESTION = "vary: {{eta: [0.1, {eta}]}}\nbaseline: {{eta: 0.1}}\nseeds: 1\nmeasure: held_out_bits_per_character\n"
ASK = "user bob has no permission: ask its owner for the permission EDIT"
RUN_WAITS = f"warning: MLflow was not updated (experiment 'charloom fox': {ASK})"
STUDY_WAITS = f"warning: the study was not sent to MLflow (experiment 'charloom: studies': {ASK})"
REPRODUCTIONS = "charloom.reproductions"
RUN_SENT, STUDY_SENT = "MLflow run as committed", "MLflow study studies/a.yaml: http://"
MODEL = "models:/charloom-fox@best"


@pytest.fixture(scope="module")
def team(tmp_path_factory, finished):
    """A server where ann has a run, a model and a study, and bob is let in."""
    folder = tmp_path_factory.mktemp("p")
    team = Team(folder)
    for name in ("ann", "bob"):
        team.let_in(name)
    ann = copied(finished, folder / "ann")
    ask(ann, QUESTION.format(eta=0.05))
    team.said("ann", ann, "charloom", "track")
    assert "MLflow study" in team.said("ann", ann, "charloom", "study", "studies/a.yaml")
    yield team
    team.end()


def in_store(team, monkeypatch, project) -> dict:
    """Return all runs that ann sees, by their ids: she has made the experiments, and is hidden nothing."""
    for name, value in team.people["ann"].items():
        monkeypatch.setenv(name, value)
    return {run.info.run_id: run for run in project.runs(team.here)}


def made_by(runs: dict, name: str) -> list[str]:
    """Return the names of that person's runs."""
    return sorted(each.info.run_name for each in runs.values() if each.info.user_id == name)


@pytest.mark.parametrize(
    ("way", "writes", "reads"),
    [
        ("READ", False, True),
        ("EDIT", True, True),
        ("NO_PERMISSIONS", False, False),
        ("NO_PERMISSIONS but for a role", True, True),
    ],
)
def test_a_second_person(team, finished, tmp_path, monkeypatch, way, writes, reads):
    bob, seed = copied(finished, tmp_path / "bob"), 10 + len(way)
    eta = seed / 100
    had = in_store(team, monkeypatch, bob)
    (anns,) = [run for run in had.values() if run.info.user_id == "ann" and REPRODUCTIONS in run.data.tags]
    team.let_in("bob", f"PERMISSION={'EDIT' if writes else 'READ'}")
    if way.startswith("NO_PERMISSIONS"):
        team.default_permission("NO_PERMISSIONS")

    # A run of the pipeline: an experiment of DVC's, and ann's own, made again.
    said = team.said("bob", bob, "dvc", "exp", "run", "-S", f"seed={seed}")
    assert (RUN_WAITS if not writes else RUN_SENT) in said, said
    bob.run("git", "checkout", "-q", "params.yaml")  # where DVC has left the experiment's
    said = team.said("bob", bob, "dvc", "repro", "--force")
    assert (RUN_WAITS if not writes else RUN_SENT) in said, said

    # A study: ann's, asked by bob too, and another one in a file of its name.
    for value in (0.05, eta):
        ask(bob, QUESTION.format(eta=value))
        said = team.said("bob", bob, "charloom", "study", "studies/a.yaml", "--anew")
        assert (STUDY_WAITS if not writes else STUDY_SENT) in said, said

    # What is only read.
    code = 0 if reads else 5
    said = team.said("bob", bob, "charloom", "sample", "--model", MODEL, "--length", "20", expect=code)
    assert reads or said == f"{MODEL}: {ASK}\n"
    said = team.said("bob", bob, "charloom", "ui")
    shown = re.findall(r"/#/experiments/(\d+)/runs", said)
    (study,) = {run.info.experiment_id for run in had.values() if "charloom.study" in run.data.tags}
    fox = anns.info.experiment_id
    assert shown == ([fox, fox, study] if reads else [])

    # Nothing of ann's is gone, and nothing is there twice.
    now = in_store(team, monkeypatch, bob)
    assert had.keys() <= now.keys()
    assert made_by(now, "ann") == made_by(had, "ann")
    new = {key: run for key, run in now.items() if key not in had}
    wanted = ["a", f"as committed · seed {seed}", "eta=0.1 · seed 1", f"eta={eta} · seed 1"] if writes else []
    assert made_by(new, "bob") == wanted
    counted = int(now[anns.info.run_id].data.tags[REPRODUCTIONS])
    assert counted == int(anns.data.tags[REPRODUCTIONS]) + writes


def test_two_who_send_one_study_at_once_have_one(team, finished, tmp_path, monkeypatch):
    team.default_permission("READ")
    team.let_in("bob")
    projects = {name: copied(finished, tmp_path / name) for name in ("ann", "bob")}
    had = in_store(team, monkeypatch, projects["ann"])
    with before(team.here, 0.2) as (address, _):
        at_work = []
        for name, project in projects.items():
            ask(project, QUESTION.format(eta=0.3))
            who = team.people[name] | {"MLFLOW_TRACKING_URI": address}
            at_work.append(started(project, "charloom", "study", "studies/a.yaml", **who))
        assert [each.wait(300) for each in at_work] == [0, 0]
    for project in projects.values():
        assert STUDY_SENT in (project.folder / "printed.txt").read_text()
    now = in_store(team, monkeypatch, projects["ann"])
    assert had.keys() <= now.keys()
    new = [run for key, run in now.items() if key not in had]
    assert sorted(run.info.run_name for run in new) == ["a", "eta=0.1 · seed 1", "eta=0.3 · seed 1"]
    (study,) = [run for run in new if "charloom.study" in run.data.tags]
    below = [run for run in new if run is not study]
    assert {run.data.tags["mlflow.parentRunId"] for run in below} == {study.info.run_id}
    assert all(run.info.status == "FINISHED" for run in new)
