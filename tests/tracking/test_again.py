"""`charloom again`: a run in MLflow gives the same results again, or its first difference, or what it lacks."""

import json
import shutil
from pathlib import Path

import pytest
from mlflow_project import run_of, tracked
from projects import OTHER_WEIGHTS, Project, said, source

from charloom.core.network.recipe import Recipe
from charloom.tracking.outbox import PATCH
from charloom.tracking.tag import COMMIT, RESULTS, UNCOMMITTED

EVERY = ["models/best.npz", "metrics/train.json", "plots/smooth_loss.csv", "reports/report.html"]
NEW = "diff --git a/{0} b/{0}\nnew file mode {1}\n--- /dev/null\n+++ b/{0}\n@@ -0,0 +1 @@\n+{2}\n"
LINK = NEW.format("data/prepared", 120000, "{}") + "\\ No newline at end of file\n"
ABOVE = NEW.format("../above", 100644, "x")


def refused(project: Project, *, code: int = 2, run: str = "") -> str:
    """Return the line that refuses the run; nothing of the run is executed."""
    printed, complaint = said(project, "again", run or run_of(project).info.run_id, code=code)
    assert "executing" not in printed
    assert complaint.count("\n") == 1
    assert "\x1b" not in complaint
    return complaint


@pytest.mark.slow
def test_again_reproduces_a_committed_run_with_a_text_from_dvcs_cache(project, compiled_before):
    project.run("git", "rm", "-q", "--cached", "data/fox.txt")
    project.run("dvc", "add", "-q", "data/fox.txt")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-q", "-m", "DVC has the text")
    tracked(project)
    (project.folder / "data/fox.txt").unlink()
    run = run_of(project).info
    commit = project.run("git", "rev-parse", "HEAD").strip()
    project.edit("README.md", "a test", "a later commit")
    project.edit("params.yaml", "eta: 0.1", "eta: 0.2")
    project.run("git", "commit", "-q", "-a", "-m", "a later commit")
    page = f"http://127.0.0.1:5000/#/experiments/{run.experiment_id}/runs/{run.run_id}/artifacts?x=1"
    printed = project.run("charloom", "again", page, **compiled_before).splitlines()
    assert printed[0] == f"run as committed · seed 1, sent by a test: commit {commit}"
    place = Path(printed[1].removeprefix("executing this code in "))
    assert {line.partition(": ")[2] for line in printed if line.startswith("same  ")} >= {*EVERY}
    assert not [line for line in printed if line.startswith("DIFFERENT")]
    assert printed[-1] == "same"
    assert "charloom-again-" in str(place)
    assert not place.parent.exists()
    assert project.run("git", "status", "--porcelain", "--untracked-files=no") == ""


@pytest.mark.slow
def test_an_experiment_is_the_same_with_its_uncommitted_code_from_a_server(project, server, compiled_before):
    known, new = source(Recipe), str(Path(source(Recipe)).with_name("weight.py"))
    project.append(known, f"from {Recipe.__module__.rpartition('.')[0]}.weight import WEIGHT{OTHER_WEIGHTS}")
    (project.folder / new).write_text("WEIGHT = 0.9\n")
    project.run("dvc", "exp", "run", "-S", "eta=0.05", MLFLOW_TRACKING_URI=server.uri)
    project.run("charloom", "track", MLFLOW_TRACKING_URI=server.uri)
    project.run("git", "stash", "--include-untracked")
    run = run_of(project, server.uri)
    assert run.data.tags[UNCOMMITTED] == "true"
    page = f"{server.uri}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}?workflowType=machine_learning"
    variables = compiled_before | {"MLFLOW_TRACKING_URI": server.uri}
    printed = project.run("charloom", "again", page, **variables).splitlines()
    changed = {line.rpartition(" ")[2] for line in printed if line.startswith(f"{PATCH} changes ")}
    assert changed == {"params.yaml", known, new}
    assert printed[-1] == "same"


@pytest.fixture
def artifacts(recorded, tmp_path):
    """The folder of the recorded run's artifacts, for a test that edits files and store."""
    (folder,) = (recorded.folder / "mlartifacts").glob("*/artifacts/dvc.lock")
    shutil.copytree(folder.parent, tmp_path / "artifacts")
    shutil.copy(recorded.folder / "mlflow.db", tmp_path)
    yield folder.parent
    shutil.rmtree(folder.parent)
    shutil.copytree(tmp_path / "artifacts", folder.parent)
    shutil.copy(tmp_path / "mlflow.db", recorded.folder)


@pytest.mark.slow
@pytest.mark.usefixtures("rebuilt_once")
def test_every_edited_file_and_hash_of_a_run_is_a_difference(recorded, artifacts):
    metrics, lock = artifacts / "metrics/train.json", artifacts / "dvc.lock"
    value = json.loads(metrics.read_text())["smooth_loss"]
    metrics.write_text(metrics.read_text().replace(f'"smooth_loss": {value}', '"smooth_loss": 0.125'))
    (artifacts / "report.html").write_text("<p>another page</p>\n")
    before, path, after = lock.read_text().partition("path: models/last.npz\n      hash: md5\n      md5: ")
    lock.write_text(before + path + "0" * 32 + after[32:])
    printed, complaint = said(recorded, "again", run_of(recorded).info.run_id, code=1)
    differ = [line for line in printed.splitlines() if line.startswith("DIFFERENT")]
    assert set(differ[:2]) == {
        "DIFFERENT  train: models/last.npz: the run's dvc.lock has another hash",
        f"DIFFERENT  train: metrics/train.json: smooth_loss: in the run 0.125, rebuilt {value!r}",
    }
    page = "DIFFERENT  plot: reports/report.html: line 1: in the run '<p>another page</p>', rebuilt"
    assert [line.startswith(page) for line in differ[2:]] == [True]
    assert "same  train: models/best.npz\n" in printed
    assert complaint.startswith("first difference: train: ")
    kept = Path(printed.splitlines()[-1].removeprefix("the rebuilt files are in "))
    assert (kept / "metrics/train.json").read_bytes() == (recorded.folder / "metrics/train.json").read_bytes()
    shutil.rmtree(kept.parent)


@pytest.mark.parametrize("run", ["", "best", "0" * 31, "0" * 33, "A" * 32, "models:/m-" + "0" * 32])
def test_an_argument_that_names_no_run_is_refused(finished, run):
    assert "32 hexadecimal digits" in said(finished, "again", run, code=2)[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        (COMMIT, "--output=x", "allowed is a complete run of charloom's pipeline"),
        (COMMIT, "\x1b[31m" + "0" * 40, "allowed is a complete run of charloom's pipeline"),
        (COMMIT, "0" * 40, "commit 000000000000 is not in this repository: `git fetch` may bring it"),
        (UNCOMMITTED, "unknown: git", f"its artifacts lack {PATCH}"),
        (UNCOMMITTED, "params.yaml", f"its artifacts lack {PATCH}"),
        (RESULTS, "", "allowed is a complete run of charloom's pipeline"),
    ],
)
def test_a_tag_that_names_no_code_is_refused(recorded, artifacts, key, value, line):
    run = run_of(recorded).info.run_id
    recorded.client().set_tag(run, key, value) if value else recorded.client().delete_tag(run, key)
    assert line in refused(recorded)


@pytest.mark.slow
def test_params_that_are_not_those_of_the_commit_and_a_lost_text_are_refused(recorded, artifacts):
    text = recorded.folder / "data/fox.txt"
    params = artifacts / "params.yaml"
    content = params.read_text()
    params.write_text(content.replace("eta: 0.1", "eta: 0.2"))
    assert refused(recorded, code=1).startswith("first difference: params.yaml: ")
    params.write_text(content)
    metrics = artifacts / "metrics/prepare.json"
    digest = json.loads(metrics.read_text())["sha256"]
    metrics.write_text(metrics.read_text().replace(digest, "0" * 64))
    assert text.exists()
    line = refused(recorded)
    assert line.startswith(f"data/fox.txt with SHA-256 {'0' * 64}: not in commit ")
    assert "`dvc pull` brings it" in line


@pytest.mark.slow
def test_again_refuses_a_foreign_run_and_a_store_that_is_not_there(recorded, monkeypatch, tmp_path):
    assert "mlflow.db, or hidden from you" in refused(recorded, run="0" * 32)
    run_id, foreign = run_of(recorded).info.run_id, recorded.client().create_run("0").info.run_id
    assert "allowed is a complete run of charloom's pipeline" in refused(recorded, run=foreign)
    recorded.client().delete_run(foreign)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/none.db")
    assert "does not exist; MLFLOW_TRACKING_URI selects another" in refused(recorded, run=run_id)
    assert not (tmp_path / "none.db").exists()


@pytest.mark.slow
def test_a_patch_or_a_lock_from_the_store_reaches_nothing_outside_the_clone(recorded, artifacts, tmp_path):
    for patch, code, line in (
        (LINK.format(tmp_path), 1, "first difference: data/prepared: a link that leads out"),
        (ABOVE, 3, f"{PATCH}: not a patch for commit "),
        ("no patch", 3, f"{PATCH}: not a patch for commit "),
    ):
        (artifacts / PATCH).write_text(patch)
        assert refused(recorded, code=code).startswith(line)
    (artifacts / PATCH).unlink()
    (artifacts / "dvc.lock").write_text("stages: [")
    assert "dvc.lock is not in DVC's format" in refused(recorded, code=3)
    assert not list(tmp_path.rglob("above"))
