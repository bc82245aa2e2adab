"""What tests ask of MLflow, and how they tell it of a project in this process."""

import csv
import json
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

from projects import Project

from charloom.core.config.pipeline import files
from charloom.core.config.reading import read_params
from charloom.core.runtime.inputs import values_of
from charloom.core.runtime.provenance import Provenance, begin, end, provenance_file, provenance_in
from charloom.core.training import resume
from charloom.results.run import Run, from_folder
from charloom.tracking.collect import put_run
from charloom.tracking.sending import send_all
from charloom.tracking.tag import REPRODUCED

TABLES = {
    "plots/held_out.csv": ("held_out_part_bits_per_character",),
    "plots/epoch_means.csv": ("epoch_mean",),
    "plots/measures.csv": ("gradient_norm", "clipped_fraction", "saturated_fraction"),
}
ARTIFACTS = {"report.html", "sample_table.json", "params.yaml", "dvc.yaml", "dvc.lock"}


def this_run() -> Run:
    """Return the run in this folder."""
    return from_folder(read_params(), files("track"))


def tracked(project: Project) -> None:
    """Send the project's run from this process. Raises Unavailable with what failed."""
    with chdir(project.folder):
        send_all(put_run(this_run()))


def trained(project: Project) -> Provenance:
    """Return the provenance of another training, which has ended with the project's results."""
    with chdir(project.folder):
        run = this_run()
        inputs = resume.train_inputs(values_of("train", run.params), run.params.recipe.kind)
        file = provenance_file(resume.key(inputs), run.params)
        end(file, begin(file, resumed=False), run.results)
        return provenance_in(file)


def waiting(project: Project) -> list[str]:
    """Return the names of the entries in the project's outbox."""
    return sorted(file.parent.name for file in (project.folder / ".charloom/outbox").glob("[!.]*/manifest.json"))


def reproduced(run) -> dict[str, str]:
    """Return the tags of later trainings with equal results, by the trainings' ids."""
    tags = run.data.tags.items()
    return {key.removeprefix(REPRODUCED): value for key, value in tags if key.startswith(REPRODUCED)}


def in_order(project: Project, store: str = "") -> list:
    """Return the project's runs, the first one first."""
    return sorted(project.runs(store), key=lambda run: run.info.start_time)


def run_of(project: Project, store: str = ""):
    """Return the newest run."""
    return max(project.runs(store), key=lambda run: run.info.start_time)


def column(project: Project, name: str, table: str = "plots/smooth_loss.csv") -> dict[int, float]:
    with (project.folder / table).open(newline="") as rows:
        return {int(row["update"]): float(row[name]) for row in csv.DictReader(rows)}


def smooth_losses(project: Project) -> dict[int, float]:
    """Return the curve that MLflow has: that of the file, its lowest point and its last."""
    train = json.loads((project.folder / "metrics/train.json").read_text())
    ends = {train["best_update"]: train["best_smooth_loss"], train["updates"]: train["smooth_loss"]}
    return column(project, "smooth_loss") | ends


def history(client, run, name: str) -> dict[int, float]:
    """Return the metric's points, each step of which has to be there once, and within the run's time."""
    points = client.get_metric_history(run.info.run_id, name)
    assert len({point.step for point in points}) == len(points), name
    assert all(run.info.start_time <= point.timestamp <= run.info.end_time for point in points), name
    return {point.step: point.value for point in points}


def holds_what_the_files_hold(project: Project, client, run) -> None:
    assert run.info.status == "FINISHED"
    for table, names in TABLES.items():
        for name in names:
            assert history(client, run, name) == column(project, name, table), name
    losses = column(project, "loss", "plots/first_losses.csv") | column(project, "loss", "plots/measures.csv")
    assert history(client, run, "loss") == losses
    train = json.loads((project.folder / "metrics/train.json").read_text())
    updates = train["updates"]
    assert history(client, run, "smooth_loss") == smooth_losses(project)
    bits = {train["best_update"]: train["best_held_out_bits_per_character"]}
    assert history(client, run, "held_out_bits_per_character") == bits | {updates: train["held_out_bits_per_character"]}
    sample = json.loads((project.folder / "metrics/sample.json").read_text())["checkpoints"]
    for name in ("known_words", "longest_copy"):
        assert history(client, run, name) == {int(update): each[name] for update, each in sample.items()}
    assert {file.path for file in client.list_artifacts(run.info.run_id)} >= ARTIFACTS
    for folder in ("metrics", "plots", "reports/figures"):
        there = {file.path for file in client.list_artifacts(run.info.run_id, folder)}
        assert there == {f"{folder}/{file.name}" for file in (project.folder / folder).iterdir()}, folder
    with TemporaryDirectory() as folder:
        for name in ("params.yaml", "plots/smooth_loss.csv", "reports/gradcheck.json"):
            there = Path(client.download_artifacts(run.info.run_id, name, folder))
            assert there.read_bytes() == (project.folder / name).read_bytes()
    logged = client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'")
    assert sorted(model.name for model in logged) == model_names(project)
    assert {model.status for model in logged} == {"READY"}


def logged_models(project: Project, **search) -> list:
    """Return the project's LoggedModels. `search` has more arguments of MLflow's `search_logged_models`."""
    client = project.client()
    return client.search_logged_models(
        [experiment.experiment_id for experiment in client.search_experiments()], **search
    )


def versions(project: Project) -> list:
    """Return the versions of the project's registered models, the first one first."""
    return sorted(project.client().search_model_versions(""), key=lambda each: int(each.version))


def model_names(project: Project) -> list[str]:
    """Return the names of the LoggedModels that the project's run has. A checkpoint of the last update is `last`."""
    updates = json.loads((project.folder / "metrics/train.json").read_text())["updates"]
    checkpoints = sorted(file.stem for file in (project.folder / "models/checkpoints").iterdir())
    return [*(f"checkpoint_{stem}" for stem in checkpoints if int(stem) < updates), "last", "lowest_smooth_loss"]
