"""One experiment is one run in a real MLflow store, whoever asks and however often."""

import csv
import json


def trace(project) -> dict[int, float]:
    with (project.folder / "plots/smooth_loss.csv").open(newline="") as table:
        return {int(row["update"]): float(row["smooth_loss"]) for row in csv.DictReader(table)}


def test_the_run_holds_what_the_files_hold(finished):
    (run,) = finished.runs()
    client = finished.client()
    assert run.info.status == "FINISHED"
    history = client.get_metric_history(run.info.run_id, "smooth_loss")
    assert {m.step: m.value for m in history} == trace(finished)
    assert len(history) == len(trace(finished))
    assert run.data.params["eta"] == "0.1"
    assert run.data.params["train.updates"] == "400"
    train = json.loads((finished.folder / "metrics/train.json").read_text())
    for name in ("best_smooth_loss", "held_out_bits_per_character"):
        assert run.data.metrics[name] == train[name]
    names = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert names >= {"samples.txt", "sample_table.json", "smooth_loss.png", "params.yaml", "models"}
    table = json.loads((finished.folder / "mlartifacts" / run.info.run_id / "artifacts/sample_table.json").read_text())
    assert [row[1] for row in table["data"]] == [0, 200, 400, train["best_update"]]


def test_running_again_updates_the_run_and_doubles_nothing(project):
    project.run("dvc", "repro", "--force")
    project.run("dvc", "repro", "--force")
    project.run("python", "src/track.py")
    (run,) = project.runs()
    history = project.client().get_metric_history(run.info.run_id, "smooth_loss")
    assert sorted(m.step for m in history) == sorted(trace(project))
    assert run.data.tags["charloom.repetitions"] == "2"


def test_an_empty_store_is_filled_from_the_files_alone(project):
    project.run("python", "src/track.py")
    (run,) = project.runs()
    history = project.client().get_metric_history(run.info.run_id, "smooth_loss")
    assert {m.step: m.value for m in history} == trace(project)


def test_other_results_of_equal_settings_become_a_second_run(project):
    project.run("python", "src/track.py")
    rows = trace(project)
    project.edit("plots/smooth_loss.csv", repr(rows[300]), repr(rows[300] + 1))
    project.run("python", "src/track.py")
    project.run("python", "src/track.py")
    first, second = sorted(project.runs(), key=lambda run: run.info.start_time)
    assert second.data.tags["charloom.differs_from"] == first.info.run_id
    assert {m.step: m.value for m in project.client().get_metric_history(first.info.run_id, "smooth_loss")} == rows


def test_a_store_that_does_not_answer_is_one_warning_and_no_failure(project):
    gone = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    for stage in ("train", "track"):
        printed = project.run("python", f"src/{stage}.py", **gone)
        assert len([line for line in printed.splitlines() if "warning: MLflow not updated" in line]) == 1
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
