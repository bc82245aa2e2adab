"""The Python in docs/studies.md writes the runs of an MLflow experiment as a table for `seedpairs`."""

import json
import re
from contextlib import chdir

import mlflow
from projects import ROOT

GUIDE = (ROOT / "docs/studies.md").read_text(encoding="utf-8")


def test_an_mlflow_experiment_becomes_a_table_without_unfinished_runs(project):
    client = project.client()
    experiment = client.create_experiment("forests")
    trials = [("0.1", 1), *((rate, seed) for seed in range(4) for rate in ("0.1", "0.5"))]  # the first one is repeated
    for number, (rate, seed) in enumerate(trials):
        run = client.create_run(experiment).info.run_id
        client.log_param(run, "lr", rate)
        client.log_param(run, "random_state", seed)
        client.log_metric(run, "val_loss", float(rate) + 0.01 * seed**2 + 0.002 * (rate == "0.5") * seed)
        if seed < 3:
            client.set_terminated(run, "FAILED" if number == 0 or (seed, rate) == (2, "0.5") else "FINISHED")
    (code,) = re.findall(r"```python\n(import mlflow\n.*?)```", GUIDE, re.DOTALL)
    (command,) = re.findall(r"(seedpairs runs\.csv .*)", GUIDE)
    with chdir(project.folder):
        mlflow.set_tracking_uri(f"sqlite:///{project.folder}/mlflow.db")
        exec(code)  # noqa: S102  the project's own guide
    printed = project.run(*command.split())
    assert "Baseline: params.lr=0.1" in printed
    assert "no metrics.val_loss in 1 trial (line 7: empty): counted as failed, not left out" in " ".join(
        printed.split()
    )
    printed = project.run(*command.split(), "--format", "json")
    counts = [(row["setting"], row["trials"], row["n"]) for row in json.loads(printed)["summaries"]]
    assert counts == [("params.lr=0.1", 3, 3), ("params.lr=0.5", 3, 2)]
