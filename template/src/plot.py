"""plot: the picture of the smooth loss, and the run in MLflow."""

from common import read_params  # isort: skip  first: NumPy then reads its variables

import hashlib
import io
import json
import os
from contextlib import redirect_stderr
from pathlib import Path

import matplotlib as mpl
import mlflow
import numpy as np
from matplotlib.figure import Figure

CURVE, PICTURE, DATA, MODEL = "plots/smooth_loss.csv", "plots/smooth_loss.png", "data/prepared.npz", "models/last.npz"


def draw(curve, bits):
    """Write the picture of the curve."""
    mpl.use("agg")
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(*curve.T)
    axes.set(xlabel="update", ylabel="smooth loss", title=f"held out: {bits:.3f} bits for each target")
    figure.savefig(PICTURE, metadata={"Software": None})


def record(params, curve, bits):
    """Log the run in MLFLOW_TRACKING_URI, by default in the file mlflow.db."""
    root = Path(os.environ.get("DVC_ROOT", ".")).resolve()  # an experiment may run in a folder of its own
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    if "MLFLOW_TRACKING_URI" not in os.environ:
        mlflow.set_tracking_uri(f"sqlite:///{root}/mlflow.db")
        if mlflow.get_experiment_by_name(root.name) is None:
            mlflow.create_experiment(root.name, (root / "mlartifacts").as_uri())
    mlflow.set_experiment(root.name)
    data, text = np.load(DATA), Path(params["text"])
    with mlflow.start_run(run_name=os.environ.get("DVC_EXP_NAME")) as run:
        mlflow.log_params(params)
        mlflow.log_metric("held_out_bits", bits)
        points = [mlflow.entities.Metric("smooth_loss", loss, 0, int(update)) for update, loss in curve.tolist()]
        for at in range(0, len(points), 1000):  # MLflow's limit
            mlflow.MlflowClient().log_batch(run.info.run_id, points[at : at + 1000])
        digest = hashlib.sha256(text.read_bytes()).hexdigest()[:32]
        dataset = mlflow.data.from_numpy(data["x"], str(text), targets=data["y"], name=text.stem, digest=digest)
        mlflow.log_input(dataset, context="training")
        mlflow.log_artifact(PICTURE)
        example, sources = data["held_out_x"][: params["seq_length"]], sorted(map(str, Path("src").glob("*.py")))
        mlflow.pyfunc.log_model(
            name="model", python_model="src/served.py", artifacts={"model": MODEL}, model_config=params,
            input_example=example, code_paths=sources,
            pip_requirements=[f"numpy=={np.__version__}", f"mlflow=={mlflow.__version__}", "ruamel.yaml"],
        )  # fmt: skip


def main():
    """Write the picture, and log the run. A failure of MLflow changes no result: it gets a line."""
    curve = np.loadtxt(CURVE, delimiter=",", skiprows=1, ndmin=2)
    bits = json.loads(Path("metrics/held_out.json").read_text())["held_out_bits"]
    draw(curve, bits)
    params = read_params("plot")
    try:
        with redirect_stderr(io.StringIO()):  # progress bars and advice
            record(params, curve, bits)
    except Exception as error:  # noqa: BLE001  whatever a store raises
        print("not in MLflow:", *str(error).splitlines()[:1])


if __name__ == "__main__":
    main()
