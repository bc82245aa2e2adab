"""A study in a real MLflow store: one run, nothing twice, and beside the pipeline's runs."""

from contextlib import chdir
from pathlib import Path

import mlflow_project
import pytest
from answers import answer
from machines import Machine, at_once
from mlflow import MlflowClient
from mlflow_project import tracked
from projects import Project
from stores import free_port

from charloom.core.base.errors import Unavailable
from charloom.core.text.corpus import read_prepared
from charloom.results.study_table import write_runs
from charloom.study.freeze import read_study, write_frozen_question
from charloom.study.trial import train_trial
from charloom.tracking.completion import complete_study
from charloom.tracking.entries import Entry
from charloom.tracking.query_process import experiment_ids
from charloom.tracking.store import Store
from charloom.tracking.study_delivery import put_study, send_study, study_contents
from seedpairs.formats import as_markdown

STUDY = Path("studies/eta.yaml")
TABLES = ("trials.csv", "curves.csv", "passages.csv")
FILE = "vary: {{eta: [0.1, {eta}]}}\nbaseline: {{eta: 0.1}}\nseeds: {seeds}\nmeasure: held_out_bits_per_character\n"
PAGES = {"report.html": "<!doctype html>\n", "comparison.svg": "<svg/>"}


def trained(project: Project, seeds: int = 1, eta: float = 0.05):
    """Return a study of the project, all trials of which are trained."""
    with chdir(project.folder):
        STUDY.parent.mkdir(exist_ok=True)
        STUDY.write_text(FILE.format(seeds=seeds, eta=eta))
        study, text = read_study(STUDY, anew=True), read_prepared(Path("data/prepared/text.npz"))
        trials = [trial for each in study.trials().values() for trial in each]
        runs = {trial.key: train_trial(trial.params, text, study.frozen.sha256) for trial in trials}
        write_frozen_question(study)
        write_runs(study.folder, study.columns, runs.items())
        return study._replace(runs=runs)


def a_study(project: Project, seeds: int = 1, eta: float = 0.05):
    """Return what the spool records of such a study."""
    return study_contents(trained(project, seeds, eta), answer())


def sent(project: Project, contents) -> list:
    """Send the study from this process; return the runs of all studies."""
    with chdir(project.folder):
        put_study(contents, PAGES)
        mlflow_project.sent()
    client = project.client()
    (experiment,) = client.search_experiments(filter_string="tags.`charloom.studies` = 'true'")
    assert experiment.name == "charloom: studies"
    return client.search_runs([experiment.experiment_id])


def test_a_study_is_a_run_that_says_what_it_says_and_has_its_files(project):
    (study,) = sent(project, a_study(project, seeds=2))
    assert (study.info.run_name, study.info.status) == ("eta", "FINISHED")
    assert "charloom.experiment" not in study.data.tags
    address = f"get-artifact?path=comparison.svg&run_uuid={study.info.run_id}"
    page = f"#/experiments/{study.info.experiment_id}/runs/{study.info.run_id}/artifacts/report.html"
    verdict, _, rest = as_markdown(answer()).partition("\n\n")
    assert verdict == "**better: train.initial\\_accumulator\\_value=10**"
    about = {"charloom.verdict": "better: train.initial_accumulator_value=10", "charloom.trials": "4"}
    counts = {"better": "1", "worse": "0", "no difference": "0", "cannot tell": "0"}
    assert (about | counts).items() <= study.data.tags.items()
    said = f"{verdict}\n\n[The study’s page]({page}?workflowType=machine_learning)\n\n"
    assert study.data.tags["mlflow.note.content"] == f"{said}![The comparison]({address})\n\n{rest}"
    client = project.client()
    files = {file.path for file in client.list_artifacts(study.info.run_id)}
    assert files == {"comparison.svg", "report.html", "eta.yaml", "asked.json", *TABLES}
    for name in TABLES:
        there = Path(client.download_artifacts(study.info.run_id, name))
        assert there.read_bytes() == (project.folder / "studies/eta" / name).read_bytes()
    assert {name: Path(client.download_artifacts(study.info.run_id, name)).read_text() for name in PAGES} == PAGES


@pytest.mark.slow
def test_a_study_is_identified_by_its_question_and_text_not_by_name_or_sender(project, monkeypatch):
    """Of a long answer, whole lines and the picture are on the page."""
    contents = a_study(project)
    long = "First\n\n" + "| a row | ö |\n" * 900
    for user, description in (("ann", "**cannot tell**"), ("ben", "**worse**"), ("ann", long)):
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user)
        (first,) = sent(project, contents.model_copy(update={"description": description}))
        note = first.data.tags["mlflow.note.content"]
        assert note.startswith(description.partition("\n")[0] + "\n\n[The study’s page](")
        assert "![The comparison](get-artifact?" in note
    assert 4900 < len(note) <= 5000
    assert note.endswith("\n| a row | ö |")
    assert (first.data.tags["mlflow.user"], first.info.status) == ("ann, ben", "FINISHED")
    (project.folder / STUDY).rename(project.folder / "studies/mine.yaml")
    (project.folder / "studies/eta").rename(project.folder / "studies/mine")
    contents = contents.model_copy(update={"name": "studies/mine.yaml"})
    assert [run.info.run_id for run in sent(project, contents)] == [first.info.run_id]
    assert len(sent(project, a_study(project, eta=0.2))) == 2
    assert len(sent(project, contents.model_copy(update={"text_sha256": "f" * 64}))) == 3


@pytest.mark.slow_but_first
@pytest.mark.parametrize(("stored", "replaced"), [("2", True), ("3", False), ("many", True)])
def test_an_answer_of_more_trials_than_ours_is_not_replaced(project, capsys, stored, replaced):
    """Two people ask the same settings, one with more seeds: the second has not seen the first's table."""
    contents = a_study(project)
    (study,) = sent(project, contents)
    project.client().set_tag(study.info.run_id, "charloom.trials", stored)
    (study,) = sent(project, contents.model_copy(update={"description": "**worse**"}))
    assert study.data.tags["mlflow.note.content"].startswith("**worse**") == replaced
    line = "MLflow has an answer from 3 trials, your trials.csv has 2: not updated"
    assert (line in capsys.readouterr().err) != replaced


@pytest.mark.slow
@pytest.mark.parametrize("question", ["create_experiment", "create_run", "log_batch", "set_terminated"])
def test_of_two_who_send_a_study_at_once_the_newest_answer_is_shown_first(project, monkeypatch, question):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project.folder}/mlflow.db")
    contents = a_study(project)
    with chdir(project.folder):
        first = put_study(contents.model_copy(update={"description": "**worse**"}), PAGES)
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "another")  # another sender has to send it
        assert put_study(contents, PAGES) == first
        entry = Entry(first)

    def work() -> None:
        """Connect without the lock that two machines do not have in common."""
        store = Store()
        store.connect()
        complete_study(store, entry.folder, entry.study)

    at_once(project, monkeypatch, [Machine(work), Machine(work)], MlflowClient, question)
    *_, newest = sorted(sent(project, contents), key=lambda run: run.info.start_time)
    assert newest.info.status == "FINISHED"
    assert newest.data.tags["mlflow.note.content"].startswith("**better")


@pytest.mark.slow
def test_a_deleted_experiment_of_studies_is_named_with_its_remedy(project, capfd):
    def ids():
        with chdir(project.folder):
            return experiment_ids()

    assert ids() == ["", ""]
    contents = a_study(project)
    (study,) = sent(project, contents)
    number = study.info.experiment_id
    assert ids() == ["", number]
    tracked(project)
    runs, studies = ids()
    assert studies == number
    client = project.client()
    assert client.get_experiment(runs).name == "charloom fox"
    client.delete_experiment(number)
    with pytest.raises(Unavailable, match=f"deleted in the store: `mlflow .* --experiment-id {number}`"):
        sent(project, contents)
    client.restore_experiment(number)
    (again,) = sent(project, contents)
    assert again.info.run_id == study.info.run_id


@pytest.mark.slow
def test_a_study_that_was_not_sent_is_a_warning_and_is_sent_by_the_next_command(project, monkeypatch, capfd):
    study = trained(project)
    with chdir(project.folder):
        with monkeypatch.context() as patch:
            patch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
            patch.setenv("CI", "true")  # a busy machine starts the sender later than anybody would wait
            send_study(study, answer(), PAGES)
        complaint = capfd.readouterr().err
        assert complaint.startswith("warning: the study was not sent to MLflow (")
        assert complaint.endswith("); `charloom study studies/eta.yaml` retries\n")
        assert complaint.count("\n") == 1
        send_study(study, answer(), PAGES)
        assert capfd.readouterr().out == "MLflow study studies/eta.yaml: `make ui` shows it\n"
