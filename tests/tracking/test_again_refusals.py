"""`charloom again` names what a run lacks and what contradicts its commit, and writes nothing outside its clone."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow_project import run_of, tracked
from projects import Project, said

from charloom.core.base.yaml12 import as_yaml_text, parse_yaml
from charloom.tracking.queries import PATCH

COMMIT, UNCOMMITTED = "mlflow.source.git.commit", "charloom.uncommitted_changes"


def edited(project: Project, table: str, key: str, value: str | float | None) -> None:
    """Edit the store itself, because MLflow changes no param: set or add the value, or remove the row for None."""
    change = "DELETE FROM {}" if value is None else "UPDATE {} SET value = :value"
    add = "INSERT INTO {0} (key, value, run_uuid) SELECT :key, :value, run_uuid FROM {0} LIMIT 1"
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as connection, connection:
        values = {"key": key, "value": value}
        statements = [text.format(table) for text in (f"{change} WHERE key = :key", add)]
        assert 1 in (connection.execute(statement, values).rowcount for statement in statements)


def refused(project: Project, *, code: int = 2, run: str = "") -> str:
    """Return the line that refuses the run; nothing of the run is executed."""
    printed, complaint = said(project, "again", run or run_of(project).info.run_id, code=code)
    assert "executing" not in printed
    assert complaint.count("\n") == 1
    return complaint


@pytest.mark.parametrize("run", ["", "best", "0" * 31, "0" * 33, "A" * 32, "models:/m-" + "0" * 32, "0" * 32 + "\n"])
def test_an_argument_that_names_no_run_is_refused(finished, run):
    assert "32 hexadecimal digits" in said(finished, "again", run, code=2)[1]


@pytest.mark.slow
@pytest.mark.usefixtures("rebuilt_once")
def test_again_needs_commit_and_text_and_finds_every_edit_of_the_run(project, tmp_path, monkeypatch):
    project.run("git", "rm", "-q", "--cached", "data/fox.txt")
    project.run("git", "commit", "-q", "-m", "a text of our own")
    tracked(project)
    run_id, sha256 = run_of(project).info.run_id, run_of(project).data.tags["charloom.text_sha256"]
    clone = Project(tmp_path / "clone")
    project.run("git", "clone", "-q", ".", str(clone.folder))
    project.edit("params.yaml", "eta: 0.1", "eta: 0.2")
    project.run("git", "commit", "-q", "-a", "-m", "not fetched")
    commit = project.run("git", "rev-parse", "HEAD").strip()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project.folder}/mlflow.db")
    first = run_of(project).data.tags[COMMIT]
    edited(project, "tags", COMMIT, commit)
    line = f"commit {commit[:12]} is not in this repository: `git fetch` brings it"
    assert refused(clone, run=run_id).startswith(line)
    edited(project, "tags", COMMIT, first)

    for content in (None, b"another text"):
        if content:
            (clone.folder / "data/fox.txt").write_bytes(content)
        line = refused(clone, run=run_id)
        assert line.startswith(f"data/fox.txt with SHA-256 {sha256}: not in commit ")
        assert "`dvc pull` brings it" in line
    shutil.copy(project.folder / "data/fox.txt", clone.folder / "data")

    lock = parse_yaml((project.folder / "dvc.lock").read_text())
    for entry in (*lock["stages"]["train"]["outs"], *lock["stages"]["plot"]["deps"]):
        if entry["path"] in {"models/last.npz", "data/dd2424_report.yaml"}:
            entry["md5"] = "0" * 32
    (tmp_path / "dvc.lock").write_text(as_yaml_text(lock))
    project.client().log_artifact(run_id, tmp_path / "dvc.lock")
    edited(project, "tags", "charloom.results", "f" * 64)
    printed, complaint = said(clone, "again", run_id, code=1)
    differ = [line for line in printed.splitlines() if line.startswith("DIFFERENT")]
    assert differ[:2] == [
        "DIFFERENT  train: models/last.npz: the run's dvc.lock has another hash",
        "DIFFERENT  plot: data/dd2424_report.yaml: the run's dvc.lock has another hash",
    ]
    assert differ[2].startswith("DIFFERENT  train: results: the run has ffffffffffff, this training ")
    assert len(differ) == 3
    assert "same  train: models/best.npz\n" in printed
    assert complaint == "first difference: train: models/last.npz\n"
    kept = Path(printed.splitlines()[-1].removeprefix("the rebuilt files are in "))
    assert (kept / "metrics/train.json").read_bytes() == (project.folder / "metrics/train.json").read_bytes()
    shutil.rmtree(kept.parent)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "key", "value", "code", "line"),
    [
        ("params", "eta", "0.2", 1, "first difference: params: eta is 0.2 in the run, 0.1 in its commit and patch"),
        ("params", "foo", "1", 1, "first difference: params: foo is 1 in the run, missing in its commit and patch"),
        ("params", "m", None, 1, "first difference: params: m is missing in the run, 8 in its commit and patch"),
        ("tags", "charloom.text_sha256", "0" * 64, 1, "first difference: text: "),
        ("tags", COMMIT, "--output=x", 2, f"{COMMIT} is "),
        ("tags", COMMIT, "\x1b[31m" + "0" * 40, 2, f"{COMMIT} is "),
        ("tags", UNCOMMITTED, "unknown: git", 2, f"{UNCOMMITTED} is missing or invalid: 'unknown: git'"),
        ("tags", UNCOMMITTED, "true", 2, f"{PATCH}: the run had uncommitted changes, but"),
        ("tags", UNCOMMITTED, "params.yaml", 2, f"{PATCH}: the run had uncommitted changes, but"),
        ("tags", "charloom.results", None, 2, "charloom.results is missing or invalid: ''"),
    ],
    ids=[
        "param",
        "another param",
        "no param",
        "text",
        "option",
        "escapes",
        "unknown changes",
        "lost patch",
        "lost params",
        "not complete",
    ],
)
def test_edited_params_and_tags_contradict_the_commit(recorded, tmp_path, table, key, value, code, line):
    shutil.copy(recorded.folder / "mlflow.db", tmp_path)
    edited(recorded, table, key, value)
    complaint = refused(recorded, code=code)
    shutil.copy(tmp_path / "mlflow.db", recorded.folder)
    assert line in complaint
    assert "\x1b" not in complaint


@pytest.mark.slow
def test_again_refuses_a_foreign_run_and_an_unreachable_store(recorded, monkeypatch, tmp_path):
    assert "mlflow.db; is MLFLOW_TRACKING_URI right?" in refused(recorded, run="0" * 32)
    run_id, foreign = run_of(recorded).info.run_id, recorded.client().create_run("0").info.run_id
    assert "charloom.experiment is missing or invalid: ''" in refused(recorded, run=foreign)
    recorded.client().delete_run(foreign)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/none.db")
    assert "does not exist; MLFLOW_TRACKING_URI selects another" in refused(recorded, run=run_id)
    assert not (tmp_path / "none.db").exists()


NEW = "diff --git a/{0} b/{0}\nnew file mode {1}\n--- /dev/null\n+++ b/{0}\n@@ -0,0 +1 @@\n+{2}\n"
LINK = NEW.format("data/prepared", 120000, "{}") + "\\ No newline at end of file\n"
ABOVE = NEW.format("../above", 100644, "x")


@pytest.mark.slow
def test_a_patch_or_a_lock_from_the_store_reaches_nothing_outside_the_clone(project, tmp_path):
    tracked(project)
    run_id, client = run_of(project).info.run_id, project.client()
    for patch, code, line in (
        (LINK.format(tmp_path), 1, "first difference: data/prepared: a link that leads out"),
        (ABOVE, 3, f"{PATCH}: not a patch for commit "),
        ("no patch", 3, f"{PATCH}: not a patch for commit "),
    ):
        (tmp_path / PATCH).write_text(patch)
        client.log_artifact(run_id, tmp_path / PATCH)
        assert refused(project, code=code).startswith(line)
    (tmp_path / "dvc.lock").write_text("stages: [")
    client.log_artifact(run_id, tmp_path / "dvc.lock")
    assert "its dvc.lock in MLflow is not in DVC's format" in refused(project, code=3)
    assert not list(tmp_path.rglob("above"))
