"""One experiment is one run in a real MLflow store, whoever asks and however often."""

import csv
import hashlib
import json

from ruamel.yaml import YAML

TABLES = {
    "plots/smooth_loss.csv": ("smooth_loss",),
    "plots/measures.csv": ("gradient_norm", "clipped_fraction", "saturated_fraction"),
}
ARTIFACTS = {
    *("samples.html", "sample_table.json", "smooth_loss.png", "gradient_check.md", "gradcheck.json"),
    *("params.yaml", "dvc.yaml", "dvc.lock", "metrics", "plots", "models"),
}


def column(project, name: str, table: str = "plots/smooth_loss.csv") -> dict[int, float]:
    with (project.folder / table).open(newline="") as rows:
        return {int(row["update"]): float(row[name]) for row in csv.DictReader(rows)}


def trace(project) -> dict[int, float]:
    return column(project, "smooth_loss")


def history(client, run, name: str) -> dict[int, float]:
    """Return the metric's points, each step of which has to be there once, and all at one time."""
    points = client.get_metric_history(run.info.run_id, name)
    assert len({point.step for point in points}) == len(points), name
    assert {point.timestamp for point in points} <= {run.info.start_time}, name
    return {point.step: point.value for point in points}


def holds_what_the_files_hold(project, client, run) -> None:
    assert run.info.status == "FINISHED"
    for table, names in TABLES.items():
        for name in names:
            assert history(client, run, name) == column(project, name, table), name
    losses = column(project, "loss", "plots/first_losses.csv") | column(project, "loss", "plots/measures.csv")
    assert history(client, run, "loss") == losses
    history(client, run, "characters_per_second")
    train = json.loads((project.folder / "metrics/train.json").read_text())
    each, updates = train["updates_per_epoch"], train["updates"]
    epochs = {min(int(epoch) * each, updates): mean for epoch, mean in train["epoch_mean"].items()}
    assert history(client, run, "epoch_mean") == epochs
    for name in ("best_smooth_loss", "best_update", "best_held_out_bits_per_character"):
        assert history(client, run, name) == {updates: train[name]}
    bits = {train["best_update"]: train["best_held_out_bits_per_character"]}
    assert history(client, run, "held_out_bits_per_character") == bits | {updates: train["held_out_bits_per_character"]}
    sample = json.loads((project.folder / "metrics/sample.json").read_text())["checkpoints"]
    for name in ("known_words", "longest_copy"):
        assert history(client, run, name) == {int(update): each[name] for update, each in sample.items()}
    assert {file.path for file in client.list_artifacts(run.info.run_id)} >= ARTIFACTS
    models = {file.path for file in client.list_artifacts(run.info.run_id, "models")}
    checkpoints = (project.folder / "models/checkpoints").iterdir()
    assert models == {f"models/{name}" for name in ("best.npz", "last.npz", *(path.name for path in checkpoints))}


def test_the_run_holds_what_the_files_hold(finished):
    (run,) = finished.runs()
    holds_what_the_files_hold(finished, finished.client(), run)
    params = YAML(typ="safe", pure=True).load((finished.folder / "params.yaml").read_text())
    nested = {f"{s}.{k}": v for s, each in params.items() if isinstance(each, dict) for k, v in each.items()}
    assert run.data.params == {
        key: str(value) for key, value in (params | nested).items() if not isinstance(value, dict)
    }
    (read,) = run.inputs.dataset_inputs
    digest = hashlib.sha256((finished.folder / "data/fox.txt").read_bytes()).hexdigest()
    assert (read.dataset.name, read.dataset.digest) == ("fox", digest[:36])
    assert run.data.tags["charloom.text_sha256"] == digest
    assert run.data.tags["mlflow.source.git.commit"] == ""  # nothing was committed when it ran
    assert not any("/" in name for name in run.data.metrics)


def test_running_again_updates_the_run_counts_a_reproduction_and_doubles_nothing(project):
    project.run("dvc", "repro", "--force")
    project.run("dvc", "repro", "--force")
    project.run("python", "src/track.py")  # computes nothing
    (run,) = project.runs()
    holds_what_the_files_hold(project, project.client(), run)
    assert run.data.tags["charloom.reproductions"] == "1"
    trainings = json.loads(run.data.tags["charloom.trainings"])
    assert [each["same"] for each in trainings] == [True, True]
    assert all(each["processor"] and each["numba"] for each in trainings)
    assert run.data.tags["mlflow.note.content"].count("| yes |") == 2
    assert run.data.tags["charloom.platform"] == f"{trainings[0]['processor']}, {trainings[0]['system']}"


def test_what_was_changed_is_said_and_comes_as_a_patch_that_makes_it_again(project, tmp_path):
    project.edit("src/plot.py", '"""plot: ', '"""plot, changed: ')
    (project.folder / "src/charloom/new.py").write_text('"""New."""\n')
    project.run("python", "src/track.py")
    (run,) = project.runs()
    assert run.data.tags["charloom.uncommitted_changes"] == "true"
    head = run.data.tags["mlflow.source.git.commit"]
    assert head == project.run("git", "rev-parse", "HEAD").strip()
    assert run.data.tags["mlflow.source.git.branch"] == project.run("git", "branch", "--show-current").strip()
    patch = project.client().download_artifacts(run.info.run_id, "uncommitted.diff", str(tmp_path))
    changed = {name: (project.folder / name).read_text() for name in ("src/plot.py", "src/charloom/new.py")}
    project.run("git", "stash", "--include-untracked")
    project.run("git", "apply", patch)
    assert {name: (project.folder / name).read_text() for name in changed} == changed


def test_an_empty_store_is_filled_from_the_files_alone(project):
    project.run("python", "src/track.py")
    (run,) = project.runs()
    history = project.client().get_metric_history(run.info.run_id, "smooth_loss")
    assert {m.step: m.value for m in history} == trace(project)


def test_other_results_of_equal_settings_become_a_second_run(project):
    project.run("python", "src/track.py")
    rows = trace(project)
    project.run("python", "src/train.py")
    project.edit("plots/smooth_loss.csv", repr(rows[300]), repr(rows[300] + 1))
    project.run("python", "src/track.py")
    project.run("python", "src/track.py")
    first, second = sorted(project.runs(), key=lambda run: run.info.start_time)
    assert second.data.tags["charloom.differs_from"] == first.info.run_id
    assert history(project.client(), first, "smooth_loss") == rows
    assert [each["same"] for each in json.loads(first.data.tags["charloom.trainings"])] == [False]
    assert [each["same"] for each in json.loads(second.data.tags["charloom.trainings"])] == [True]
    assert first.data.tags["charloom.reproductions"] == second.data.tags["charloom.reproductions"] == "0"


def test_an_edited_comment_is_another_experiment_with_the_same_results(project):
    project.run("dvc", "repro", "--force")
    project.edit("src/charloom/sampling.py", "# in float32", "# a remark; in float32")
    assert project.stages(project.run("dvc", "repro")) == ["sample", "track"]
    assert "up to date" in project.run("dvc", "repro")
    first, second = project.runs()
    assert first.data.tags["charloom.results"] == second.data.tags["charloom.results"]
    for run in (first, second):
        holds_what_the_files_hold(project, project.client(), run)


def test_a_store_that_does_not_answer_is_one_warning_and_no_failure(project):
    gone = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    printed = project.run("python", "src/track.py", **gone)
    assert printed.count("warning: MLflow not updated") == 1
    assert "Traceback" not in printed


def test_a_queued_experiment_runs_the_code_it_was_queued_with_and_records_in_the_main_store(project):
    project.run("python", "src/track.py")
    project.edit("src/sample.py", "samples of {params", "pieces of {params")
    project.run("dvc", "exp", "run", "--queue", "-S", "m=9", "-n", "queued")
    project.run("git", "checkout", "src/sample.py")
    project.edit("src/charloom/kernel.py", "0.999 * smooth", "0.5 * smooth")
    printed = project.run("dvc", "exp", "run", "--run-all")
    assert "pieces of" in printed
    runs = project.runs()
    assert sorted(run.data.params["m"] for run in runs) == ["8", "9"]
    assert {run.info.status for run in runs} == {"FINISHED"}
    (queued,) = [run for run in runs if run.data.params["m"] == "9"]
    assert queued.data.tags["charloom.dvc_experiment"] == "queued"
    assert not list((project.folder / ".dvc/tmp/exps").rglob("mlflow.db"))
    recorded = {m.step: m.value for m in project.client().get_metric_history(queued.info.run_id, "smooth_loss")}
    assert "queued" in project.run("dvc", "exp", "show")
    project.edit("params.yaml", "m: 8", "m: 9")
    project.run("git", "checkout", "src/charloom/kernel.py")
    project.run("python", "src/gradcheck.py")
    project.run("python", "src/train.py")
    assert recorded == trace(project)
