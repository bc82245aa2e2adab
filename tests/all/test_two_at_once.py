"""Two people send the same new experiment to one real server in the same second, and later reproduce it so."""

import json
from contextlib import chdir

import pytest
from projects import copied, started
from recorded import a_training, holds_what_the_files_hold, model_names
from stores import before

from charloom.tracking.collect import this_run


def sent_at_once(people, address: str) -> None:
    """Let each have trained, and send it; nobody is told to try again."""
    for project in people:
        with chdir(project.folder):
            results = this_run().results
        a_training(project, results)
    at_work = [started(project, "charloom", "track", MLFLOW_TRACKING_URI=address) for project in people]
    ended = [each.wait(300) for each in at_work]
    assert ended == [0, 0], [(each.folder / "printed.txt").read_text() for each in people]


@pytest.mark.parametrize(("seed", "seconds"), [(1, 0), (2, 0.05), (3, 0.2), (4, 0.5)])
def test_two_who_send_a_run_at_once_have_one_that_lists_both(finished, tmp_path, server, seed, seconds):
    """A request takes so many seconds."""
    ann = copied(finished, tmp_path / "ann")
    if seed != 1:
        ann.edit("params.yaml", "seed: 1 ", f"seed: {seed} ")
        ann.run("dvc", "repro", MLFLOW_TRACKING_URI="sqlite:///elsewhere.db")
    people = [ann, copied(ann, tmp_path / "bob")]
    client = ann.client(server.uri)
    with before(server.uri, seconds) as (address, _):
        for trainings in (2, 4):
            sent_at_once(people, address)
            (run,) = ann.runs(server.uri)
            holds_what_the_files_hold(ann, client, run)
            assert run.data.tags["charloom.reproductions"] == str(trainings - 1)
            assert len(json.loads(run.data.tags["charloom.trainings"])) == trainings
            assert len(client.search_model_versions("")) == 1
            assert len(client.search_logged_models([run.info.experiment_id])) == len(model_names(ann))
            tags = client.get_experiment(run.info.experiment_id).tags
            assert not [tag for tag in tags if tag.startswith("charloom.sending")]
