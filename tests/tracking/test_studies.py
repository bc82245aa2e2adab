"""A study in a real MLflow store: one run, nothing twice, and beside the pipeline's runs."""

from contextlib import chdir
from dataclasses import replace
from pathlib import Path

import pytest
from answers import answer
from mlflow_project import tracked
from projects import Project

from charloom.core.base.errors import Unavailable
from charloom.core.text.corpus import read_prepared
from charloom.results.study_table import write_runs
from charloom.study.freeze import read_study, write_frozen_question
from charloom.study.trial import train_trial
from charloom.tracking.queries import experiment_ids
from charloom.tracking.sending import send_all
from charloom.tracking.study_entry import put_study
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


def sent(project: Project, study, analysis=None) -> list:
    """Send the study from this process; return the runs of all studies."""
    with chdir(project.folder):
        send_all(put_study(study, analysis or answer(), PAGES))
    client = project.client()
    (experiment,) = client.search_experiments(filter_string="tags.`charloom.studies` = 'true'")
    assert experiment.name == "charloom: studies"
    return client.search_runs([experiment.experiment_id])


def test_a_study_is_a_run_that_says_what_it_says_and_has_its_files(project):
    (study,) = sent(project, trained(project, seeds=2))
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
def test_a_study_is_identified_by_its_question_and_text_and_the_newest_answer_is_shown(project, monkeypatch):
    study = trained(project)
    (first,) = sent(project, study)
    for user, shown in (("ann", []), ("ben", None)):
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user)
        analysis = answer() if shown is None else replace(answer(), comparisons=shown)
        (run,) = sent(project, study, analysis)
        note = run.data.tags["mlflow.note.content"]
        assert note.startswith(as_markdown(analysis).partition("\n")[0] + "\n\n[The study’s page](")
        assert (run.info.run_id, run.data.tags["mlflow.user"], run.info.status) == (first.info.run_id, user, "FINISHED")
    (project.folder / STUDY).rename(project.folder / "studies/mine.yaml")
    (project.folder / "studies/eta").rename(project.folder / "studies/mine")
    study = study._replace(path=Path("studies/mine.yaml"))
    assert [run.info.run_id for run in sent(project, study)] == [first.info.run_id]
    assert len(sent(project, trained(project, eta=0.2))) == 2
    assert len(sent(project, study._replace(frozen=study.frozen.model_copy(update={"sha256": "f" * 64})))) == 3


@pytest.mark.slow
def test_a_deleted_experiment_of_studies_is_named_and_the_pages_name_both_experiments(project):
    def ids():
        with chdir(project.folder):
            return experiment_ids()

    assert ids() == ["", ""]
    study = trained(project)
    (run,) = sent(project, study)
    number = run.info.experiment_id
    assert ids() == ["", number]
    tracked(project)
    runs, studies = ids()
    assert studies == number
    client = project.client()
    assert client.get_experiment(runs).name == "charloom fox"
    client.delete_experiment(number)
    with pytest.raises(Unavailable, match="deleted"):
        sent(project, study)
    client.restore_experiment(number)
    (again,) = sent(project, study)
    assert again.info.run_id == run.info.run_id
