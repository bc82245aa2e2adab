"""Pull requests and merge requests of a small project, by act and by gitlab-ci-local, with the real commands.

`make setup` finds .venv made; `make check` and `make test` are the project's own and not those of a small one.
"""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from notes import REQUEST, TOKEN, notes_of
from projects import ROOT, SMALL, Project, make
from runners import Ran, act, gitlab, needs_act, needs_gitlab, pull_request
from study_projects import conducted

QUESTION = """\
vary: {eta: [0.1, 0.05]}
baseline: {eta: 0.1}
seeds: 3
measure: held_out_bits_per_character
smallest_difference: 0.01
"""
PIPELINE = """\
stages:
  curve:
    cmd: python curve.py
    deps: [curve.py]
    params: [rate]
    metrics: [metrics.json: {cache: false}]
"""
CURVE = """\
from ruamel.yaml import YAML
rate = YAML(typ="safe").load(open("params.yaml"))["rate"]
open("metrics.json", "w").write('{"loss": %d}' % (10 * rate))
"""
MAKE = """\
#!/bin/sh
if [ ! -d .venv ]; then
    cp -al "{root}/.venv" .venv 2> /dev/null || cp -a "{root}/.venv" .venv
    for file in $(find .venv -maxdepth 2 -type f) .venv/lib/python3*/site-packages/*.pth; do
        cp -p "$file" own && mv own "$file" # make and uv write into these: as links they would be the tests' own
    done
fi
case $1 in check|test) exit 0;; esac
exec "{make}" "$@"
"""
SET_UP = ("Makefile", "pyproject.toml", "requirements.lock", ".gitlab-ci.yml")
REAL = ("gh", "apt-get")  # what still has a stand-in, beside make
ONE = ("--matrix=os:ubuntu-24.04", "--matrix=python:3.11")
pytestmark = [needs_act, needs_gitlab]


def committed(project: Project, message: str) -> None:
    project.run("git", "add", "-A")
    project.run("git", "commit", "-q", "-m", message)


def another_eta_and_a_study(project: Project) -> None:
    (project.folder / "studies/sigma.yaml").write_text(QUESTION.replace("eta", "sigma"))
    conducted(project, "sigma")
    project.edit("params.yaml", "eta: 0.1", "eta: 0.05")
    project.run("dvc", "repro", "-q")


def a_metric_by_hand(project: Project) -> None:
    file = project.folder / "metrics/train.json"
    file.write_text(re.sub(r'("smooth_loss": )[\d.]+', r"\g<1>1.5", file.read_text()))


@pytest.fixture(scope="module")
def main(tmp_path_factory) -> Project:
    """A small project with workflows, results and a study, all committed."""
    project = make(tmp_path_factory.mktemp("main") / "project", SMALL)
    for name in SET_UP:
        shutil.copy(ROOT / name, project.folder)
    shutil.copytree(ROOT / ".github", project.folder / ".github")
    shutil.rmtree(project.folder / "studies/recipe")  # the committed study of this name: here it asks another question
    (project.folder / "studies/recipe.yaml").write_text(QUESTION)
    project.run("git", "checkout", "-q", "-b", "main")
    project.run("git", "remote", "add", "origin", "https://github.com/them/theirs.git")
    conducted(project, "recipe")
    project.run("dvc", "repro", "-q")
    committed(project, "main")
    return project


def changed(main: Project, folder: Path, change: Callable[[Project], None]) -> Project:
    """Return a copy of the project with the change on a branch, which is checked out."""
    shutil.copytree(main.folder, folder, symlinks=True, ignore=shutil.ignore_patterns("mlflow.db*", "mlartifacts"))
    project = Project(folder)
    project.run("git", "checkout", "-q", "-b", "change")
    change(project)
    committed(project, "a change")
    return project


def tools(folder: Path) -> None:
    """Write a make that brings .venv as it is here."""
    (folder / "bin").mkdir(parents=True)
    file = folder / "bin/make"
    file.write_text(MAKE.format(root=ROOT, make=shutil.which("make")))
    file.chmod(0o755)


def cache() -> dict[str, str]:
    """Return where compiled kernels are, so that no job compiles them anew."""
    return {"XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")}


def merged(project: Project) -> Project:
    """Merge the branch, as GitHub tries it, and return the project."""
    project.run("git", "checkout", "-q", "main")
    project.run("git", "merge", "-q", "--no-ff", "-m", "the merge that GitHub tries", "change")
    return project


def summary_of(ran: Ran) -> str:
    file = ran.artifacts / "summary/summary.md"
    assert file.exists(), ran.printed
    return file.read_text()


def test_another_eta_and_a_study_are_told_in_a_comment_on_github(main, tmp_path):
    project = merged(changed(main, tmp_path / "project", another_eta_and_a_study))
    tools(tmp_path / "run")
    ran = act(
        project, tmp_path / "run", "reproduce.yml", "pull_request", pull_request(), *ONE, stand_ins=REAL, **cache()
    )
    assert set(ran.jobs.values()) == {"success"}, ran.printed
    summary = summary_of(ran)
    assert "<b>Made again:</b> bit for bit, on 1 machine." in summary
    assert "<code>train</code> is the first with other outputs, because of <code>eta</code>." in summary
    assert "<b>Better:</b> <code>eta=0.05</code> against <code>eta=0.1</code>: <b>" in summary
    assert "<td><code>sigma.yaml</code></td><td>–</td><td><code>cannot tell yet: sigma=0.05</code></td>" in summary
    (comment,) = json.loads((tmp_path / "run/comments.json").read_text())
    assert summary in comment["body"]


def test_a_metric_that_was_edited_by_hand_is_told_in_a_note_on_gitlab(main, tmp_path):
    project = changed(main, tmp_path / "project", a_metric_by_hand)
    tools(tmp_path / "run")
    notes: list[dict] = []
    with notes_of(notes) as address:
        base = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": project.run("git", "rev-parse", "main").strip()}
        token = {"SUMMARY_TOKEN": TOKEN, "CI_API_V4_URL": address}
        variables = REQUEST | token | cache() | base
        ran = gitlab(project, tmp_path / "run", "merge_request_event", stand_ins=REAL, **variables)
    assert [job for job, result in ran.jobs.items() if result == "FAIL"] == ["verify"], ran.printed
    summary = summary_of(ran)
    assert "<b>Made again:</b> ⚠️ <b>not</b> bit for bit on 1 of 1 machine." in summary
    assert "first difference: train: metrics/train.json" in summary
    assert [summary in note["body"] for note in notes] == [True]


def test_another_projects_pull_request_is_run_again_and_told(tmp_path):
    """By dvc-summary.yml, as docs/pull_requests.md tells it to."""
    project = Project(tmp_path / "project")
    (project.folder / ".github").mkdir(parents=True)
    shutil.copytree(ROOT / ".github/workflows", project.folder / ".github/workflows")
    shutil.copytree(ROOT / "src/dvc_summary", project.folder / ".github/dvc_summary")
    page = (ROOT / "docs/pull_requests.md").read_text()
    caller = page.partition("```yaml\n")[2].partition("```")[0].replace("pip install -r requirements.txt", "'true'")
    files = {
        ".github/workflows/pull-request.yml": caller,
        "dvc.yaml": PIPELINE,
        "curve.py": CURVE,
        "params.yaml": "rate: 1\n",
    }
    for command in ("git init -q -b main", "git config user.name t", "git config user.email t@example.invalid"):
        project.run(*command.split())
    project.run("git", "remote", "add", "origin", "https://github.com/them/theirs.git")
    project.run("dvc", "init", "-q")
    for name, content in files.items():
        (project.folder / name).write_text(content)
    project.run("dvc", "repro", "-q")
    committed(project, "main")
    project.run("git", "checkout", "-q", "-b", "change")
    project.edit("params.yaml", "rate: 1", "rate: 2")
    project.run("dvc", "repro", "-q")
    committed(project, "another rate")
    ran = act(merged(project), tmp_path / "run", "pull-request.yml", "pull_request", pull_request(), stand_ins=("gh",))
    assert set(ran.jobs.values()) == {"success"}, ran.printed
    summary = summary_of(ran)
    assert "<code>curve</code> is the first with other outputs, because of <code>rate</code>" in summary
    assert "<td><code>loss</code></td><td><code>10</code></td><td><code>20</code></td>" in summary
    assert (tmp_path / "run/comments.json").exists()
