"""Runs of any MLflow store are compared as a table of them would be; what does not count is named."""

import csv

import pytest
from projects import said

from paired.data_types import AVERAGE

COUNTED = ("--seed", "params.seed", "--measure", "metrics.val_loss", "--better", "lower")
GRID = [(lr, depth, seed) for lr in ("0.1", "0.5") for depth in ("2", "4") for seed in range(4)]


def cost(lr, depth, seed):
    interaction = 0.3 if (lr, depth) == ("0.5", "4") else 0.0
    return float(lr) + interaction + 0.01 * (seed * 7 % 5) + 0.002 * int(depth) * (seed % 3)


@pytest.fixture
def store(project):
    """Return a function that logs a run to an experiment in the project's store."""
    client = project.client()
    experiment = client.create_experiment("theirs")

    def log(params, values=(), status="FINISHED", name=None):
        run = client.create_run(experiment, run_name=name).info.run_id
        for key, value in params.items():
            client.log_param(run, key, value)
        for step, value in enumerate(values):
            client.log_metric(run, "val_loss", value, step=step)
        if status != "RUNNING":
            client.set_terminated(run, status)
        return run

    return log


def grid(store):
    for lr, depth, seed in GRID:
        value = cost(lr, depth, seed)
        store({"lr": lr, "depth": depth, "seed": seed, "model": "tree"}, [9.0, value - 0.5, value])


def compared(project, *arguments, code=0):
    printed, complaint = said(project, "compare", "--mlflow", "theirs", *COUNTED, *arguments, code=code)
    return complaint if code else printed


def test_runs_of_an_experiment_by_name_or_id_are_answered_as_the_table_of_them_is(project, store):
    grid(store)
    with (project.folder / "runs.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["depth", "lr", "seed", "val_loss"])
        rows.writerows([depth, lr, seed, cost(lr, depth, seed)] for lr, depth, seed in GRID)
    columns = ("--setting", "depth,lr", "--seed", "seed", "--measure", "val_loss", "--better", "lower")
    table, _ = said(project, "compare", "--table", "runs.csv", *columns, "--format", "json")
    printed = compared(project, "--format", "json")
    assert printed.replace("failed, by its status in MLflow, or has no finite", "failed, and has no") == table
    assert f'"kind": "{AVERAGE}"' in table
    assert "lr=0.5 against 0.1" in compared(project)
    number = project.client().get_experiment_by_name("theirs").experiment_id
    assert "Baseline: depth=2 lr=0.1" in said(project, "compare", "--mlflow", number, *COUNTED)[0]
    project.client().delete_experiment(number)
    assert "no experiment theirs; allowed are Default" in compared(project, code=2)


@pytest.mark.parametrize(("at", "mean"), [("last", 0.0), ("lowest", -0.5), ("highest", 9.0), ("1", -0.5)])
def test_the_value_is_that_of_the_last_step_or_the_one_that_is_asked_for(project, store, at, mean):
    for seed in range(3):
        for lr in (1, 2):
            store({"lr": lr, "seed": seed}, [9.0, lr - 0.5, lr])
    printed = compared(project, "--at", at, "--format", "json")
    assert f'"mean": {mean if at == "highest" else 1 + mean}' in printed
    for seed in range(3):  # a run that was no number once has no lowest and no highest value
        store({"lr": 2, "seed": seed}, [float("nan"), 0.1, 0.2] if seed else [0.1, 0.1, 0.2])
    printed = compared(project, "--at", at)
    assert ("warning: failed runs: 2; a failed run counts, without a value" in printed) == (at in {"lowest", "highest"})


def test_a_failed_run_is_an_outcome_and_what_does_not_count_is_named(project, store):
    grid(store)
    own = {"lr": "0.1", "depth": "4", "seed": 4, "model": "tree"}
    store(own | {"lr": "0.5"}, [0.1], status="FAILED")
    store(own, [], name="silent-bird")
    store(own, [0.3], status="RUNNING", name="busy-bee")
    store(own, [0.3], status="KILLED", name="dead-parrot")
    store({"lr": "0.1"}, [0.3], name="no-seed")
    store({"seed": 1}, [], status="FAILED", name="early-bird")
    store(own | {"seed": 3}, [cost("0.1", "4", 3)])
    printed = " ".join(compared(project).split())
    for line in (
        "warning: failed runs: 1; a failed run counts, without a value",
        "runs left out (finished without val_loss): silent-bird", "runs left out (running, not finished): busy-bee",
        "runs left out (killed, not finished): dead-parrot", "runs left out (no param seed): no-seed",
        "runs left out (failed before it had logged its params): early-bird",
        "1 run has the setting and seed of a newer run: the newest counts",
    ):  # fmt: skip
        assert line in printed, line
    assert "model" not in printed.split("warning")[0]  # the run without params makes no setting


def test_where_each_run_is_a_setting_of_its_own_an_option_is_named(project, store):
    for seed in range(3):
        store({"lr": 1 + seed % 2, "seed": seed, "folder": f"out/{seed}"}, [1.0])
    assert "Baseline: lr=1" in compared(project, "--setting", "lr")
    words = "no two of 3 runs have the same setting; --setting selects the params that count"
    assert words in compared(project, code=2)


NO_RUN = "MLflow experiment theirs: no run has"


@pytest.mark.parametrize(
    ("option", "value", "line"),
    [
        ("--mlflow", "their", "--mlflow: no experiment their; allowed are theirs, Default; did you mean theirs?"),
        ("--seed", "sed", f"--seed: {NO_RUN} sed; allowed are depth, lr, model, seed; did you mean seed?"),
        ("--measure", "loss", f"--measure: {NO_RUN} loss; allowed are val_loss"),
        ("--better", None, "--mlflow: also needs --better lower or higher"),
        ("--seed", None, "--mlflow: also needs --seed PARAM"),
        ("--at", "best", "--at: best is not allowed; allowed is last, lowest, highest, or a step"),
        ("--setting", "lr,depht", f"--setting: {NO_RUN} depht; allowed are depth, lr, model, seed; "),
        ("--setting", "lr,seed", "--setting, --seed: seed is named twice; allowed is once"),
        ("--setting", "lr,params.lr", "--setting, --seed: lr is named twice; allowed is once"),
        ("--table", "x.csv", "--mlflow: cannot be combined with x.csv: give only one"),
    ],
)
def test_a_wrong_request_is_a_line(project, store, option, value, line):
    store({"lr": 1, "depth": 2, "seed": 3, "model": "tree"}, [1.0])
    asked = {"--mlflow": "theirs", **dict(zip(COUNTED[::2], COUNTED[1::2], strict=True)), option: value}
    _, complaint = said(project, "compare", *(x for pair in asked.items() if pair[1] for x in pair), code=2)
    assert complaint.startswith(line)
    assert complaint.count("\n") == 1


def test_where_no_run_counts_it_says_why(project, store):
    store({"lr": 1, "seed": 1}, [1.0], status="RUNNING", name="busy-bee")
    for asked in ((), ("--setting", "lr")):
        line = compared(project, *asked, code=2)
        assert line.endswith(": no run can be compared; runs left out (running, not finished): busy-bee\n")
    for seed in range(2):
        store({"lr": 1, "seed": seed}, [1.0], name=f"run-{seed}")
    assert "its 2 runs differ in seed alone; two settings are needed" in compared(project, code=2)
    assert "3 left out" not in (line := compared(project, "--at", "7", code=2))
    assert "runs left out (finished without val_loss at step 7): run-0, run-1" in line


def test_a_file_that_is_no_store_is_a_line_and_a_missing_one_is_not_made(project):
    file = project.folder / "mlflow.db"
    file.write_bytes(b"no database" * 1000)
    line = compared(project, code=5)
    assert line == "MLflow experiment theirs: (sqlite3.DatabaseError) file is not a database\n"
    file.unlink()
    assert "mlflow.db does not exist; MLFLOW_TRACKING_URI selects another" in compared(project, code=2)
    assert not file.exists()
