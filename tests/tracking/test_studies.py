"""A study in a real MLflow store: one run, its trials below it, nothing twice, and beside the pipeline's runs."""

import shutil
from contextlib import chdir
from pathlib import Path

import pytest
import recorded
from answers import answer
from machines import Machine, at_once
from mlflow import MlflowClient
from projects import Project
from recorded import history, tracked
from stores import free_port

from charloom.base.errors import Unavailable
from charloom.pages.study.study_page import INDEX
from charloom.results.study_table import read_runs, write_runs
from charloom.study.asking import read_study, write_asked
from charloom.study.formats import as_markdown
from charloom.study.trial import train_trial, trials_of
from charloom.text.corpus import read_prepared
from charloom.tracking.address import relocate_store
from charloom.tracking.answering import print_experiments
from charloom.tracking.entries import Entry
from charloom.tracking.store import Store
from charloom.tracking.studies import MAX_NESTED, complete_study
from charloom.tracking.study_delivery import put_study, send_study, study_contents

STUDY = Path("studies/eta.yaml")
TABLES = ("trials.csv", "curves.csv", "passages.csv")
FILE = "vary: {{eta: [0.1, {eta}]}}\nbaseline: {{eta: 0.1}}\nseeds: {seeds}\nmeasure: held_out_bits_per_character\n"


INDEX_LINK = f'<a href="{INDEX[0]}">{INDEX[1]}</a>'


def a_study(project: Project, seeds: int = 1, eta: float = 0.05):
    """Return what a study of the project says, once it has been trained; 1e308 as eta lets a training diverge."""
    with chdir(project.folder):
        STUDY.parent.mkdir(exist_ok=True)
        STUDY.write_text(FILE.format(seeds=seeds, eta=eta))
        study, text = read_study(STUDY, anew=True), read_prepared(Path("data/prepared/text.npz"))
        there = STUDY.with_suffix("").exists()
        known = read_runs(study.folder, study.asked, others_left_out=True) if there else {}
        trials = [trial for each in trials_of(study).values() for trial in each]
        runs = {t.key: known.get(t.key) or train_trial(t.params, text, study.asked.sha256) for t in trials}
        write_asked(study)
        write_runs(study.folder, study.varied, runs.items())
        (study.folder / "report.html").write_text(f"<!doctype html>\n{INDEX_LINK}")
        return study_contents(study._replace(runs=runs), answer(), "<svg/>")


def sent(project: Project, contents):
    """Send the study from this process; return its run, and its trials by their names."""
    sent_only(project, contents)
    return in_store(project)


def sent_only(project: Project, contents) -> list:
    """Send the study from this process; return the runs of all studies, without their trials."""
    with chdir(project.folder):
        put_study(contents)
        recorded.sent()
    return [run for run in in_studies(project) if "charloom.study" in run.data.tags]


def in_studies(project: Project) -> list:
    """Return all runs in the experiment of studies."""
    client = project.client()
    (experiment,) = client.search_experiments(filter_string="tags.`charloom.studies` = 'true'")
    assert experiment.name == "charloom: studies"
    return client.search_runs([experiment.experiment_id])


def in_store(project: Project):
    """Return the study's run and its trials by their names, the only runs in the experiment of studies."""
    runs = in_studies(project)
    (study,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    below = [run for run in runs if run is not study]
    assert {run.data.tags["mlflow.parentRunId"] for run in below} <= {study.info.run_id}
    assert not any("charloom.experiment" in run.data.tags for run in runs)
    named = {run.info.run_name: run for run in below}
    assert len(named) == len(below)
    return study, named


def holds_what_the_tables_hold(project: Project, trials) -> None:
    with chdir(project.folder):
        outcomes = read_study(STUDY).runs
    assert {run.data.tags["charloom.trial"] for run in trials.values()} == outcomes.keys()
    for run in trials.values():
        outcome = outcomes[run.data.tags["charloom.trial"]]
        train, metrics = outcome.metrics, {}
        assert run.data.tags["charloom.results"] == outcome.results
        assert run.data.tags["charloom.outcome"] == outcome.outcome
        assert run.info.status == ("FINISHED" if train else "FAILED")
        if train:
            metrics = {
                "smooth_loss": {train.best_update: train.best_smooth_loss, train.updates: train.smooth_loss},
                "held_out_bits_per_character": {
                    train.best_update: train.best_held_out_bits_per_character,
                    train.updates: train.held_out_bits_per_character,
                },
                "best_smooth_loss": {train.updates: train.best_smooth_loss},
                "first_update_below_target": {train.updates: train.first_update_below_target},
            }
        for name in metrics | outcome.curves:
            points = outcome.curves.get(name, {}) | metrics.get(name, {})
            assert history(project.client(), run, name) == points, name
        assert set(run.data.metrics) == metrics.keys() | {name for name, each in outcome.curves.items() if each}


def test_a_study_is_a_run_that_says_what_it_says_and_its_trials_lie_below_it(project):
    contents = a_study(project, seeds=2)
    study, trials = sent(project, contents)
    assert (study.info.run_name, study.info.status) == ("eta", "FINISHED")
    address = f"get-artifact?path=comparison.svg&run_uuid={study.info.run_id}"
    page = f"#/experiments/{study.info.experiment_id}/runs/{study.info.run_id}/artifacts/report.html"
    verdict, _, rest = as_markdown(answer()).partition("\n\n")
    assert verdict == "**better: train.initial\\_accumulator\\_value=10**"
    assert study.data.tags["charloom.verdict"] == "better: train.initial_accumulator_value=10"
    counts = {"better": "1", "worse": "0", "no difference": "0", "cannot tell": "0"}
    assert counts.items() <= study.data.tags.items()
    said = f"{verdict}\n\n[The study’s page]({page}?workflowType=machine_learning)\n\n"
    said += f"![The comparison]({address})\n\n{rest}"
    assert study.data.tags["mlflow.note.content"] == said
    client = project.client()
    files = {file.path for file in client.list_artifacts(study.info.run_id)}
    assert files == {"comparison.svg", "report.html", "eta.yaml", "asked.json", *TABLES}
    for name in TABLES:
        there = Path(client.download_artifacts(study.info.run_id, name))
        assert there.read_bytes() == (project.folder / "studies/eta" / name).read_bytes()
    page = Path(client.download_artifacts(study.info.run_id, "report.html")).read_text()
    assert page == "<!doctype html>\n"  # without the link to a page that MLflow does not have
    assert list(trials) == [f"eta={eta} · seed {seed}" for eta in ("0.1", "0.05") for seed in (1, 2)]  # newest first
    holds_what_the_tables_hold(project, trials)
    params = {name: run.data.params for name, run in trials.items()}
    assert {(each["eta"], each["seed"], each["m"]) for each in params.values()} == {
        (eta, seed, "8") for eta in ("0.1", "0.05") for seed in ("1", "2")
    }
    assert params["eta=0.05 · seed 2"]["train.updates"] == "400"


def test_a_trial_that_diverged_is_a_failed_run_that_says_at_which_update(project):
    _, trials = sent(project, a_study(project, eta=1e308))
    assert trials["eta=1e+308 · seed 1"].data.tags["charloom.outcome"].startswith("diverged at update ")
    holds_what_the_tables_hold(project, trials)


def test_sent_again_nothing_is_doubled_and_what_the_study_is_by_now_is_there(project):
    contents = a_study(project)
    first, trials = sent(project, contents)
    ended = {run.info.run_id: run.info.end_time for run in trials.values()}
    again, trials = sent(project, contents)
    assert {run.info.run_id: run.info.end_time for run in trials.values()} == ended  # what is there is left alone
    for run in (first, trials["eta=0.05 · seed 1"]):  # as if the process had ended on them
        project.client().update_run(run.info.run_id, "RUNNING")
    grown, trials = sent(project, a_study(project, seeds=2).model_copy(update={"description": "**worse**"}))
    assert first.info.run_id == again.info.run_id == grown.info.run_id
    assert grown.info.status == "FINISHED"
    assert grown.data.tags["mlflow.note.content"].startswith("**worse**\n\n[The study’s page](")
    assert {run.info.run_id for run in trials.values()} > ended.keys()
    holds_what_the_tables_hold(project, trials)


def test_a_study_names_all_who_have_sent_it(project, monkeypatch):
    contents = a_study(project)
    for user in ("ann", "ben", "ann"):
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user)
        study, _ = sent(project, contents)
    assert study.data.tags["mlflow.user"] == "ann, ben"


def test_a_study_is_its_question_and_its_text_whatever_its_name_and_no_other_loses_a_trial(project):
    contents = a_study(project)
    first, trials = sent(project, contents)
    again, others = sent(project, contents.model_copy(update={"name": "studies/mine.yaml"}))
    assert again.info.run_id == first.info.run_id
    assert {run.info.run_id for run in others.values()} == {run.info.run_id for run in trials.values()}
    assert len(sent_only(project, a_study(project, eta=0.2))) == 2
    assert len(sent_only(project, contents.model_copy(update={"text_sha256": "f" * 64}))) == 3
    keys = [
        (run.data.tags["charloom.study_question"], run.data.tags["charloom.text_sha256"])
        for run in sent_only(project, contents)
    ]
    assert len(keys) == len(set(keys)) == 3
    there = {run.info.run_id for run in in_studies(project)}
    assert there > {first.info.run_id, *(run.info.run_id for run in trials.values())}


def test_two_versions_of_a_study_that_wait_are_one_and_the_later_is_sent(project, monkeypatch):
    contents = a_study(project)
    with chdir(project.folder):
        first = put_study(contents)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "another")  # another sender has to send it
        assert put_study(contents.model_copy(update={"description": "**worse**"})) == first
        recorded.sent()
    study, _ = in_store(project)
    assert study.data.tags["mlflow.note.content"].startswith("**worse**")


@pytest.mark.parametrize(
    "question", ["create_experiment", "set_experiment_tag", "create_run", "log_batch", "set_terminated"]
)
def test_two_who_send_a_study_at_once_have_one(project, monkeypatch, question):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project.folder}/mlflow.db")
    with chdir(project.folder):
        entry = Entry(put_study(a_study(project)))

    def work() -> None:
        """Connect without the lock that two machines do not have in common."""
        store = Store()
        store.connect()
        complete_study(store, entry, entry.study)

    at_once(project, monkeypatch, [Machine(work), Machine(work)], MlflowClient, question)
    study, trials = in_store(project)
    assert study.info.status == "FINISHED"
    holds_what_the_tables_hold(project, trials)


def test_of_two_equal_trials_the_older_one_counts(project):
    """An earlier charloom could leave them."""
    contents = a_study(project)
    study, trials = sent(project, contents)
    equal, client = trials["eta=0.1 · seed 1"], project.client()
    client.create_run(study.info.experiment_id, tags=equal.data.tags | {"mlflow.runName": "later"})
    _, again = sent(project, contents)
    assert again.keys() == trials.keys() | {"later"}
    assert (again["later"].info.status, again["later"].data.metrics) == ("RUNNING", {})


def test_of_a_study_with_more_trials_than_a_page_shows_the_table_alone_is_there(project):
    contents = a_study(project)
    one, *_ = contents.trials
    many = [one.model_copy(update={"key": f"{n:016x}", "name": str(n)}) for n in range(MAX_NESTED + 1)]
    study, trials = sent(project, contents.model_copy(update={"trials": many}))
    assert trials == {}
    assert "trials.csv" in {file.path for file in project.client().list_artifacts(study.info.run_id)}


@pytest.mark.slow
def test_the_page_of_studies_is_named_beside_the_one_of_runs(project, capfd):
    def said():
        capfd.readouterr()
        with chdir(project.folder):
            print_experiments()
        return capfd.readouterr().out.split("\n")

    assert said() == ["", "", ""]
    study, _ = sent(project, a_study(project))
    assert said() == ["", study.info.experiment_id, ""]
    tracked(project)
    runs, studies, _ = said()
    assert studies == study.info.experiment_id
    assert project.client().get_experiment(runs).name == "charloom fox"


def test_a_checkout_that_was_moved_takes_its_studies_along(project, monkeypatch, capfd):
    contents = a_study(project)
    sent(project, contents)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")  # MLflow has put it there
    moved = Project(project.folder.with_name("moved"))
    shutil.move(project.folder, moved.folder)
    with chdir(moved.folder):
        relocate_store()
    assert "its paths now name this folder" in capfd.readouterr().err
    study, _ = sent(moved, a_study(moved))
    assert study.info.artifact_uri.startswith((moved.folder / "mlartifacts").as_uri())


@pytest.mark.slow
def test_a_study_that_was_not_sent_is_a_warning_and_one_that_a_store_has_is_not_sent_again(project, monkeypatch, capfd):
    contents, sent_note = a_study(project), Path(".charloom/studies/eta.sent")
    with chdir(project.folder):
        with monkeypatch.context() as patch:
            patch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
            send_study(contents)
        complaint = capfd.readouterr().err
        assert complaint.startswith("warning: the study was not sent to MLflow (")
        assert complaint.endswith("); `charloom study studies/eta.yaml` retries\n")
        assert complaint.count("\n") == 1
        for change in (
            lambda: None,
            lambda: sent_note.write_bytes(b"\xff"),
            lambda: Path("mlflow.db").rename("old.db"),  # another store under the same name
            lambda: Path("studies/eta/report.html").write_text("<!doctype html><p>\n"),
        ):
            change()
            send_study(contents)
            assert capfd.readouterr().out == "MLflow study studies/eta.yaml: `make ui` shows it\n"
            send_study(contents)
            again = f"to send it again, `rm {sent_note}` and repeat the command"
            assert capfd.readouterr().out == f"MLflow already has this study; {again}\n"
    assert len(in_store(project)[1]) == 2


def test_the_page_follows_a_change_of_arithmetic_which_names_every_trial_anew(project):
    contents = a_study(project)
    sent(project, contents)
    anew = [each.model_copy(update={"key": each.key[::-1], "results": each.results[::-1]}) for each in contents.trials]
    (study,) = sent_only(project, contents.model_copy(update={"trials": anew, "description": "anew"}))
    assert "anew" in study.data.tags["mlflow.note.content"]


@pytest.mark.slow
def test_of_a_long_answer_whole_lines_and_the_picture_are_on_the_page(project):
    contents = a_study(project)
    study, _ = sent(project, contents.model_copy(update={"description": "First\n\n" + "| a row | ö |\n" * 900}))
    note = study.data.tags["mlflow.note.content"]
    assert 4900 < len(note) <= 5000  # what MLflow 2.10 takes
    assert note.startswith("First\n\n[The study’s page]")
    assert "![The comparison](get-artifact?" in note
    assert note.endswith("\n| a row | ö |")


@pytest.mark.slow
def test_an_experiment_of_studies_that_was_deleted_is_named_with_what_brings_it_back(project):
    contents = a_study(project)
    study, _ = sent(project, contents)
    number = study.info.experiment_id
    project.client().delete_experiment(number)
    with pytest.raises(Unavailable, match=f"deleted in the store: `mlflow .* --experiment-id {number}`"):
        sent(project, contents)
    project.client().restore_experiment(number)
    again, _ = sent(project, contents)
    assert again.info.run_id == study.info.run_id
