"""What a second person sees of a team's server: with each permission that MLflow knows, in each place."""

import re

import pytest
from projects import copied
from recorded import trained_again
from study_projects import ask
from team import Team

QUESTION = "vary: {{eta: [0.1, {eta}]}}\nbaseline: {{eta: 0.1}}\nseeds: 1\nmeasure: held_out_bits_per_character\n"
DENIED = "user bob has no permission: ask the server's owner for the permission EDIT"
RUN_DENIED = f"(experiment 'charloom fox': {DENIED})"
STUDY_WAITS = f"warning: the study was not sent to MLflow (experiment 'charloom: studies': {DENIED})"
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
    assert STUDY_SENT in team.said("ann", ann, "charloom", "study", "studies/a.yaml")
    yield team
    team.end()


def made_by(runs: dict, name: str) -> list[str]:
    """Return the names of that person's runs."""
    return sorted(run.info.run_name for run in runs.values() if run.info.user_id == name)


@pytest.mark.parametrize(
    ("way", "writes", "reads"),
    [("READ", False, True), ("NO_PERMISSIONS", False, False), ("NO_PERMISSIONS but for a role", True, True)],
)
def test_a_second_person(team, finished, tmp_path, monkeypatch, way, writes, reads):
    bob, eta = copied(finished, tmp_path / "bob"), 0.1 + len(way) / 100
    had = team.runs(monkeypatch)  # what ann sees: she has made the experiments, and is hidden nothing
    (anns,) = [run for run in had.values() if run.info.user_id == "ann" and REPRODUCTIONS in run.data.tags]
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
    for value in (0.05, eta):
        ask(bob, QUESTION.format(eta=value))
        said = team.said("bob", bob, "charloom", "study", "studies/a.yaml", "--anew")
        assert (STUDY_SENT if writes else STUDY_WAITS) in said

    # What is only read.
    said = team.said("bob", bob, "charloom", "sample", "--model", MODEL, expect=0 if reads else 5)
    assert reads or said == f"{MODEL}: {DENIED}\n"
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
    assert made_by(now, "ann") == made_by(had, "ann")
    new = {key: run for key, run in now.items() if key not in had}
    assert made_by(new, "bob") == ["a"]
    counted = int(now[anns.info.run_id].data.tags[REPRODUCTIONS])
    assert counted == int(anns.data.tags[REPRODUCTIONS]) + 1
