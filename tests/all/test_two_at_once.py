"""People who send the same new experiment to one store in the same second, and later reproduce it so."""

import json
from contextlib import nullcontext

import pytest
from projects import copied, started
from recorded import holds_what_the_files_hold, model_names, trained_again
from stores import before


def sent_at_once(people, address: str) -> None:
    """Let each have trained, and send it; nobody is told to try again."""
    for project in people:
        trained_again(project)
    at_work = [started(project, "charloom", "track", MLFLOW_TRACKING_URI=address) for project in people]
    codes = [process.wait(300) for process in at_work]
    assert not any(codes), [(project.folder / "printed.txt").read_text() for project in people]


@pytest.mark.parametrize(
    ("where", "seconds"),
    [("a server", 0), ("a slow server", 0.2), ("a very slow server", 0.5), ("a database that does not exist yet", 0)],
)
def test_people_who_send_a_run_at_once_have_one_that_lists_them_all(finished, tmp_path, server, where, seconds):
    """The third person on a very slow server waits for two minutes."""
    people = [copied(finished, tmp_path / name) for name in ("ann", "bob", "cem")]
    with before(server.uri, seconds) if seconds else nullcontext((server.uri, None)) as (address, _):
        if "database" in where:
            address = f"sqlite:///{tmp_path}/mlflow.db"
        for trainings in (3, 6):
            sent_at_once(people, address)
            client = people[0].client(address)
            (run,) = people[0].runs(address)
            holds_what_the_files_hold(people[0], client, run)
            assert run.data.tags["charloom.reproductions"] == str(trainings - 1)
            assert len(json.loads(run.data.tags["charloom.trainings"])) == trainings
            assert len(client.search_model_versions("")) == 1
            assert len(client.search_logged_models([run.info.experiment_id])) == len(model_names(people[0]))
            tags = client.get_experiment(run.info.experiment_id).tags
            assert not [tag for tag in tags if tag.startswith("charloom.sending")]
