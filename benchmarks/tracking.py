"""Time training with tracking on against training with it off; write benchmarks/tracking.md.

Every figure is the wall time of the whole stage, on the novel; off, SQLite and a server take turns, and the median of
the turns counts. The stores are there before, and each training is a new run in them.
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import llvmlite.binding as llvm
from mlflow import MlflowClient

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
sys.path.insert(0, str(TESTS))
from stores import Server  # noqa: E402  its folder is on the path only since the line before

TURNS = 6


def seconds(project: Path, script: str, store: str) -> float:
    """Return the wall time of the stage, and remove its run from the store."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "DVC_"))}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # imports that compile anew each time would be what is measured
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, script], cwd=project, env=environment | ({"MLFLOW_TRACKING_URI": store} if store else {}),
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    took = time.monotonic() - began
    if "warning" in done.stderr:
        sys.exit(f"the store failed, so this measures nothing: {done.stderr}")
    if store:
        time.sleep(2)  # what the follower may still have to do
        client = MlflowClient(store)
        experiment = client.get_experiment_by_name("charloom")
        (run,) = client.search_runs([experiment.experiment_id])
        points = len(client.get_metric_history(run.info.run_id, "smooth_loss"))
        print(f"{script.rpartition('/')[2]} {store.partition(':')[0]}: {took:.2f} s, {points} points", flush=True)
        client.delete_run(run.info.run_id)
    else:
        print(f"off: {took:.2f} s", flush=True)
    return took


def main() -> None:
    """Measure and write."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(project)], check=True)
        for stage in ("prepare", "gradcheck"):
            subprocess.run([sys.executable, f"src/{stage}.py"], cwd=project, check=True, capture_output=True)
        database = f"sqlite:///{folder}/mlflow.db"
        MlflowClient(database).search_experiments()
        server = Server(Path(folder))
        ways = {
            "off": (str(TESTS / "all/untracked.py"), ""),
            "SQLite": ("src/train.py", database),
            "`mlflow server`": ("src/train.py", server.uri),
        }
        try:
            for way in ways.values():
                seconds(project, *way)  # compiles, and warms what there is to warm
            times: dict[str, list[float]] = {name: [] for name in ways}
            for _ in range(TURNS):
                for name, way in ways.items():
                    times[name].append(seconds(project, *way))
        finally:
            server.kill()
    off = times["off"]
    rows = [
        f"| {name} | {statistics.median(each):.2f} | {min(each):.2f} | {max(each):.2f} "
        f"| {statistics.median(on / without for on, without in zip(each, off, strict=True)):.3f} |"
        for name, each in times.items()
    ]
    text = [
        "# Training with tracking, and without",
        "",
        f"Written by `python benchmarks/tracking.py`. Seconds of wall time of the whole `train` stage, {TURNS} turns.",
        "",
        f"On {platform.machine()} ({llvm.get_host_cpu_name()}), {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}.",
        "",
        "| tracking | median | least | most | median ratio to off in the same turn |",
        "|---|---|---|---|---|",
        *rows,
        "",
    ]
    (ROOT / "benchmarks/tracking.md").write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    main()
