"""track: complete or rebuild the MLflow run from the files, and say what the run made."""

import hashlib
import os
import subprocess
from pathlib import Path

import charloom.environment  # noqa: F401  first: a foreign Python is refused in a line

from mlflow.exceptions import MlflowException

from charloom.fingerprint import fingerprint
from charloom.live import warn
from charloom.params import flat, read_params
from charloom.pipeline import files, stage
from charloom.records import Gradcheck, Prepare, Train
from charloom.storage import read_column, read_json, sha256
from charloom.tracking import Points, record


def main() -> None:
    """Send what the store lacks; a store that does not answer is a warning, never a failure."""
    params = read_params()
    path = files("track")
    made = [file for file in path.values() if file.parts[0] in {"metrics", "plots", "models", "reports"}]
    prepare, train = read_json(path["metrics/prepare"], Prepare), read_json(path["metrics/train"], Train)
    series = _series(prepare, read_json(path["metrics/gradcheck"], Gradcheck), train)
    series["smooth_loss"] = read_column(path["plots/smooth_loss"], "smooth_loss")
    tags = {
        "mlflow.note.content": f"Smooth loss {train.smooth_loss:.3f} after {train.updates:,} updates of "
        f"{params.prepare.text}, lowest {train.best_smooth_loss:.3f} after {train.best_update:,}.",
        "mlflow.source.name": "dvc repro",
        "mlflow.source.git.commit": _git("rev-parse", "HEAD"),
        "charloom.uncommitted_changes": str(bool(_git("status", "--porcelain", "--untracked-files=no"))).lower(),
        "charloom.dvc_experiment": os.environ.get("DVC_EXP_NAME", ""),
        "charloom.text_sha256": prepare.sha256,
        "mlflow.loggedArtifacts": '[{"path": "sample_table.json", "type": "table"}]',
    }
    artifacts = [(Path("params.yaml"), ""), (Path("dvc.yaml"), "")]
    artifacts += [(file, "models" if file.parts[0] == "models" else "") for file in made]
    for file in made:
        print(f"  {file}")
    print(
        f"smooth loss {train.smooth_loss:.3f} after {train.updates:,} updates, "
        f"lowest {train.best_smooth_loss:.3f} after {train.best_update:,}"
    )
    try:
        tracked = record(fingerprint(params, Path("src")), params, _results(made), series, tags, artifacts)
    except (MlflowException, OSError) as error:
        warn(str(error))
    else:
        print(f"MLflow run {tracked.info.run_name}: `make ui` shows it")


def _series(prepare: Prepare, gradcheck: Gradcheck, train: Train) -> dict[str, Points]:
    """Return every metric but the trace as points by update."""
    each, updates = train.updates_per_epoch, train.updates
    series = {"epoch_mean": {min(epoch * each, updates): mean for epoch, mean in train.epoch_mean.items()}}
    last = train.model_dump(exclude={"epoch_mean", "smooth_loss"})
    single = [
        *((name, value, updates) for name, value in last.items()),
        *((f"prepare.{name}", value, 0) for name, value in flat(prepare.model_dump())),
        *((f"gradcheck.{name}", value, 0) for name, value in flat(gradcheck.model_dump())),
    ]
    return series | {name: {step: float(value)} for name, value, step in single if isinstance(value, int | float)}


def _results(made: list[Path]) -> str:
    """Return a SHA-256 over every file that is equal wherever the numbers are: not pictures and pages."""
    kept = [file for file in made if file.parts[0] != "reports"]
    whole = sorted(file for path in kept for file in ([path] if path.is_file() else path.rglob("*.npz")))
    return hashlib.sha256("".join(f"{file} {sha256(file)}\n" for file in whole).encode()).hexdigest()


def _git(*arguments: str) -> str:
    """Return what git prints, or an empty text outside a repository."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


stage(main)
