"""Runs that MLflow logged by itself, without anything of charloom: a scikit-learn model over seeds and two params."""

import csv
import os
import subprocess
import sys

from projects import said

LOGGED = """
import mlflow
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

mlflow.set_tracking_uri("sqlite:///theirs.db")
mlflow.set_experiment("forests")
mlflow.sklearn.autolog(log_models=False, log_datasets=False, silent=True)
digits, labels = load_digits(return_X_y=True)
train, test, train_labels, test_labels = train_test_split(digits, labels, random_state=0)
for depth in (4, 8):
    for trees in (5, 20):
        for seed in range(4):
            with mlflow.start_run():
                forest = RandomForestClassifier(n_estimators=trees, max_depth=depth, random_state=seed)
                forest.fit(train, train_labels).score(test, test_labels)
"""
METRIC = "RandomForestClassifier_score_test"
ASKED = ("--mlflow", "forests", "--seed", "params.random_state", "--measure", f"metrics.{METRIC}", "--better", "higher")


def test_autologging_is_answered_factor_by_factor_and_as_the_table_of_it_is(project, monkeypatch):
    folder = project.folder
    subprocess.run([sys.executable, "-c", LOGGED], cwd=folder, check=True, capture_output=True)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'theirs.db'}")
    before = (folder / "theirs.db").read_bytes()
    printed, _ = said(project, "compare", *ASKED)
    assert "Better: max_depth=8 against 4; n_estimators=20 against 5." in " ".join(printed.split())
    runs = reversed(project.runs(os.environ["MLFLOW_TRACKING_URI"]))
    names = ["max_depth", "n_estimators", "random_state"]
    with (folder / "forests.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([*names, METRIC])
        for run in runs:
            rows.writerow([*(run.data.params[name] for name in names), repr(run.data.metrics[METRIC])])
    columns = f"--setting max_depth,n_estimators --seed random_state --measure {METRIC} --better higher".split()
    assert said(project, "compare", "--table", "forests.csv", *columns)[0] == printed
    assert (folder / "theirs.db").read_bytes() == before
