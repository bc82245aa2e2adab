"""What tests ask of MLflow, and how they tell it of a project in this process."""

import csv
import json
from collections.abc import Iterable
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

from projects import Project

from charloom.core.base.errors import Unavailable
from charloom.core.base.storage import append
from charloom.core.runtime.provenance import sender_identity
from charloom.core.training.record import RECORD, Recording
from charloom.results.run import Run
from charloom.tracking.collect import put, this_run
from charloom.tracking.entries import Entry, entries
from charloom.tracking.rounds import run_round

TABLES = {
    "plots/held_out.csv": ("held_out_part_bits_per_character",),
    "plots/epoch_means.csv": ("epoch_mean",),
    "plots/measures.csv": ("gradient_norm", "clipped_fraction", "saturated_fraction"),
}
ARTIFACTS = {"report.html", "sample_table.json", "params.yaml", "dvc.yaml", "dvc.lock"}


def sent() -> None:
    """Send what is in the spool of this folder from this process. Raises Unavailable with what failed."""
    senders = {entry.sender for entry in entries()}
    works = [work for sender in senders for work in run_round(sender, {}).values()]
    if reasons := sorted(work.reason for work in works if work.reason):
        raise Unavailable("; ".join(reasons))


def tracked(project: Project) -> None:
    """Send the project's run from this process."""
    with chdir(project.folder):
        put(this_run())
        sent()


def caught_up(project: Project) -> None:
    """Count the trainings of the project whose `track` was skipped."""
    with chdir(project.folder):
        for entry in entries():
            append(entry.folder / RECORD, [{"sender": sender_identity()}])
        sent()


def a_training(project: Project, results: str = "", points: Iterable[tuple[str, int, float]] = ()) -> None:
    """Leave the record of a training of this project's experiment that came to these results, or to the files' own."""
    with chdir(project.folder):
        run = this_run()
        with Recording(results or run.results, run.params, run.text_sha256) as record:
            record.points(points)
            record.results = results or run.results


def curve(run: Run) -> list[tuple[str, int, float]]:
    """Return the points of the run's smooth loss."""
    return [("smooth_loss", update, value) for update, value in run.curves["smooth_loss"].items()]


def trained_again(project: Project) -> None:
    """Leave the record of a training of this project, begun or resumed, that came to what its files hold."""
    with chdir(project.folder):
        run = this_run()
    a_training(project, run.results, curve(run))


def trainings(run) -> list[dict]:
    """Return the trainings that the run counts."""
    return [json.loads(value) for key, value in run.data.tags.items() if key.startswith("charloom.training.")]


def waiting(project: Project) -> list[Entry]:
    """Return the trainings in the project's spool."""
    with chdir(project.folder):
        return list(entries())


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
    history(client, run, "system/characters_per_second")
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
