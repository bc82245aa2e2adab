"""A study in a real MLflow store: one run, its trials below it, nothing twice, and beside the pipeline's runs."""

import shutil
import time
from contextlib import chdir, contextmanager
from pathlib import Path

import pytest
from answers import answer
from machines import Machine, at_once
from mlflow import MlflowClient
from projects import Project
from recorded import caught_up, history, tracked
from stores import free_port

from charloom.base.errors import Unavailable
from charloom.pages.study.study_page import INDEX
from charloom.results.identity import experiment_key
from charloom.results.study_table import read_runs, write_runs
from charloom.study.asking import read_study, write_asked
from charloom.study.formats import as_markdown
from charloom.study.trial import train_trial, trials_of
from charloom.text.corpus import read_prepared
from charloom.tracking import studies
from charloom.tracking.address import relocate_store
from charloom.tracking.entry_files import remove
from charloom.tracking.our_experiments import print_experiments
from charloom.tracking.store import Store
from charloom.tracking.studies import MAX_NESTED, send
from charloom.tracking.study_delivery import put_study, send_study, study_contents
from charloom.tracking.view import STUDIES_TAGS, TAGS, VIEW

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


def sent_only(project: Project, contents) -> None:
    with chdir(project.folder):
        folder = put_study(contents)
        try:
            print(send(folder))
        finally:
            remove(folder)


def in_studies(project: Project) -> list:
    """Return all runs in the experiment of studies."""
    client = project.client()
    (experiment,) = client.search_experiments(filter_string="tags.`charloom.studies` = 'true'")
    return client.search_runs([experiment.experiment_id])


def in_store(project: Project):
    """Return the study's run and its trials by their names, the only runs in the experiment of studies."""
    client = project.client()
    (experiment,) = client.search_experiments(filter_string="tags.`charloom.studies` = 'true'")
    assert experiment.name == "charloom: studies"
    runs = client.search_runs([experiment.experiment_id])
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
    first, trials = sent(project, a_study(project))
    ids = {run.info.run_id: run.info.end_time for run in trials.values()}
    again, trials = sent(project, a_study(project))
    assert {run.info.run_id: run.info.end_time for run in trials.values()} == ids  # what is there is left alone
    grown, trials = sent(project, a_study(project, seeds=2).model_copy(update={"description": "**worse**"}))
    assert first.info.run_id == again.info.run_id == grown.info.run_id
    assert grown.data.tags["mlflow.note.content"].startswith("**worse**\n\n[The study’s page](")
    assert {run.info.run_id for run in trials.values()} > ids.keys()
    holds_what_the_tables_hold(project, trials)


def test_a_study_names_all_who_have_sent_it(project, monkeypatch):
    for user in ("ann", "ben", "ann"):
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user)
        study, _ = sent(project, a_study(project))
    assert study.data.tags["mlflow.user"] == "ann, ben"


def test_two_questions_in_files_of_one_name_are_two_studies_and_neither_loses_a_trial(project):
    first, trials = sent(project, a_study(project))
    sent_only(project, a_study(project, eta=0.2))
    studies = [run for run in in_studies(project) if "charloom.study" in run.data.tags]
    assert len({run.data.tags["charloom.study_question"] for run in studies}) == 2
    there = {run.info.run_id for run in in_studies(project)}
    assert there > {first.info.run_id, *(run.info.run_id for run in trials.values())}


def test_the_same_question_under_another_name_is_the_same_study(project):
    contents = a_study(project)
    first, trials = sent(project, contents)
    again, others = sent(project, contents.model_copy(update={"name": "studies/mine.yaml"}))
    assert first.info.run_id == again.info.run_id
    assert {run.info.run_id for run in trials.values()} == {run.info.run_id for run in others.values()}


@contextmanager
def connected_without_lock():
    """On two machines there is no lock between them."""
    store = Store()
    store.connect()
    yield store


@pytest.mark.parametrize(
    "question", ["create_experiment", "set_experiment_tag", "create_run", "log_batch", "set_terminated"]
)
def test_two_who_send_a_study_at_once_have_one(project, monkeypatch, question):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project.folder}/mlflow.db")
    contents = a_study(project)

    monkeypatch.setattr(studies, "connected", connected_without_lock)
    with chdir(project.folder):
        folder = put_study(contents)

    def work() -> None:
        send(folder)

    at_once(project, monkeypatch, [Machine(work), Machine(work)], MlflowClient, question)
    study, trials = in_store(project)
    assert study.info.status == "FINISHED"
    holds_what_the_tables_hold(project, trials)


def test_a_study_that_another_host_sends_for_too_long_is_sent_later(project, monkeypatch):
    contents, client = a_study(project), project.client()
    sent(project, contents)
    (experiment,) = client.search_experiments(filter_string="tags.`charloom.studies` = 'true'")
    tag = f"charloom.sending.{contents.question}.0"
    client.set_experiment_tag(experiment.experiment_id, tag, f"elsewhere 1 1.0 {time.time() + 600:.0f}")
    monkeypatch.setattr("charloom.tracking.experiment_lock.LOCK_TIMEOUT", 0)
    changed = contents.model_copy(update={"description": "**worse**"})
    with pytest.raises(Unavailable, match="waited 0 s for a sender on elsewhere to finish"):
        sent(project, changed)
    assert "worse" not in in_store(project)[0].data.tags["mlflow.note.content"]
    client.delete_experiment_tag(experiment.experiment_id, tag)
    assert "worse" in sent(project, changed)[0].data.tags["mlflow.note.content"]


def test_of_two_equal_trials_the_older_one_counts(project):
    """An earlier charloom could leave them."""
    contents = a_study(project)
    study, trials = sent(project, contents)
    equal, client = trials["eta=0.1 · seed 1"], project.client()
    client.create_run(study.info.experiment_id, tags=equal.data.tags | {"mlflow.runName": "later"})
    _, again = sent(project, contents)
    assert again.keys() == trials.keys() | {"later"}
    assert (again["later"].info.status, again["later"].data.metrics) == ("RUNNING", {})


def test_a_trial_on_which_the_process_ended_is_sent_again_and_no_point_is_doubled(project):
    contents = a_study(project)
    study, trials = sent(project, contents)
    for run in (study, trials["eta=0.05 · seed 1"]):
        project.client().update_run(run.info.run_id, "RUNNING")
    again, after = sent(project, contents)
    assert again.info.status == "FINISHED"
    assert {run.info.run_id for run in after.values()} == {run.info.run_id for run in trials.values()}
    holds_what_the_tables_hold(project, after)


@pytest.mark.slow
def test_a_trial_links_to_the_pipelines_run_with_the_same_results_also_when_that_comes_later(project):
    contents = a_study(project)
    _, trials = sent(project, contents)
    assert not any("charloom.pipeline_run" in run.data.tags for run in trials.values())
    tracked(project)
    _, trials = sent(project, contents)
    (run,) = (run for run in project.runs() if "charloom.experiment" in run.data.tags)
    same, other = trials["eta=0.1 · seed 1"], trials["eta=0.05 · seed 1"]
    assert same.data.tags["charloom.results"] == run.data.tags["charloom.results"]
    assert same.data.tags["charloom.pipeline_run"] == run.info.run_id
    link = f"(#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}?workflowType=machine_learning)"
    assert link in same.data.tags["mlflow.note.content"]
    assert "charloom.pipeline_run" not in other.data.tags
    holds_what_the_tables_hold(project, trials)


@pytest.mark.slow
def test_the_pipelines_run_of_the_same_params_with_other_results_is_no_link(project):
    tracked(project)
    contents = a_study(project)
    trials = [each.model_copy(update={"results": "f" * 64}) for each in contents.trials]
    _, trials = sent(project, contents.model_copy(update={"trials": trials}))
    assert not any("charloom.pipeline_run" in run.data.tags for run in trials.values())


@pytest.mark.slow
def test_tracking_the_pipeline_meets_no_trial_and_closes_none(project):
    contents = a_study(project)
    study, _ = sent(project, contents)
    project.client().update_run(study.info.run_id, "RUNNING")  # as if another machine sent it at this moment
    tracked(project)
    caught_up(project)
    (run,) = (run for run in project.runs() if "charloom.experiment" in run.data.tags)
    assert run.data.tags["charloom.experiment"] == experiment_key(contents.trials[0].params, contents.text_sha256)
    study, trials = in_store(project)
    assert study.info.status == "RUNNING"
    assert len(trials) == 2


def test_of_a_study_with_more_trials_than_a_page_shows_the_table_alone_is_there(project):
    contents = a_study(project)
    one, *_ = contents.trials
    many = [one.model_copy(update={"key": f"{n:016x}", "name": str(n)}) for n in range(MAX_NESTED + 1)]
    study, trials = sent(project, contents.model_copy(update={"trials": many}))
    assert trials == {}
    assert "trials.csv" in {file.path for file in project.client().list_artifacts(study.info.run_id)}


def test_the_same_question_on_another_text_is_another_run(project):
    contents = a_study(project)
    for text in (contents.text_sha256, "f" * 64, contents.text_sha256):
        sent_only(project, contents.model_copy(update={"text_sha256": text}))
    runs = [run for run in project.runs() if "charloom.study" in run.data.tags]
    assert {run.data.tags["charloom.text_sha256"] for run in runs} == {contents.text_sha256, "f" * 64}
    assert len(runs) == 2


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
    views = {runs: TAGS, studies: STUDIES_TAGS}
    for experiment in views:  # as an earlier version has left them
        project.client().set_experiment_tag(experiment, f"mlflow.sharedViewState.{VIEW}", "an earlier view")
    said()
    for experiment, tags in views.items():
        assert tags.items() <= project.client().get_experiment(experiment).tags.items()


def test_a_checkout_that_was_moved_takes_its_studies_along(project, capfd):
    contents = a_study(project)
    sent(project, contents)
    moved = Project(project.folder.with_name("moved"))
    shutil.move(project.folder, moved.folder)
    with chdir(moved.folder):
        relocate_store()
    assert "its paths now name this folder" in capfd.readouterr().err
    study, _ = sent(moved, a_study(moved))
    assert study.info.artifact_uri.startswith((moved.folder / "mlartifacts").as_uri())


@pytest.mark.slow
def test_a_store_that_is_away_is_one_line_and_fails_nothing(project, monkeypatch, capfd):
    contents = a_study(project)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    with chdir(project.folder):
        send_study(contents)
        said = capfd.readouterr().err
        monkeypatch.delenv("MLFLOW_TRACKING_URI")
        send_study(contents)
    assert said.startswith("warning: the study was not sent to MLflow (")
    assert said.endswith("); `charloom study studies/eta.yaml` retries\n")
    assert said.count("\n") == 1
    assert capfd.readouterr().out == "MLflow study studies/eta.yaml: `make ui` shows it\n"
    assert len(in_store(project)[1]) == 2


@pytest.mark.slow
def test_what_a_store_has_got_is_not_sent_to_it_again_and_another_store_gets_it(project, capfd):
    contents = a_study(project)
    with chdir(project.folder):
        send_study(contents)
        assert capfd.readouterr().out == "MLflow study studies/eta.yaml: `make ui` shows it\n"
        send_study(contents)
        said = (
            "MLflow already has this study; to send it again, `rm .charloom/studies/eta.sent` and repeat the command\n"
        )
        assert capfd.readouterr() == (said, "")
        Path(".charloom/studies/eta.sent").write_bytes(b"\xff")
        send_study(contents)
        assert "shows it" in capfd.readouterr().out
        Path("mlflow.db").rename("old.db")  # another store under the same name
        send_study(contents)
        assert "shows it" in capfd.readouterr().out
        Path("studies/eta/report.html").write_text("<!doctype html><p>\n")
        send_study(contents)
        assert "shows it" in capfd.readouterr().out


def test_the_page_follows_a_change_of_arithmetic_which_names_every_trial_anew(project):
    contents = a_study(project)
    sent(project, contents)
    anew = [each.model_copy(update={"key": each.key[::-1], "results": each.results[::-1]}) for each in contents.trials]
    sent_only(project, contents.model_copy(update={"trials": anew, "description": "anew"}))
    (study,) = (run for run in in_studies(project) if "charloom.study" in run.data.tags)
    assert "anew" in study.data.tags["mlflow.note.content"]


@pytest.mark.slow
def test_of_a_long_answer_whole_lines_and_the_picture_are_on_the_page(project):
    contents = a_study(project)
    study, _ = sent(project, contents.model_copy(update={"description": "First\n\n" + "| a row | ö |\n" * 900}))
    note = study.data.tags["mlflow.note.content"]
    assert 7900 < len(note) <= 8000
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
