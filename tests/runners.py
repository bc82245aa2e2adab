"""GitHub's workflows, run on this machine by act, without containers."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from projects import ROOT, Project, variables
from ruamel.yaml import YAML

WORKFLOWS = ROOT / ".github/workflows"
STAND_IN = ROOT / "tests/hosted/stand_in.py"
STAND_INS = ("make", "charloom", "dvc", "gh")
TOOLS = ROOT / ".venv-ci"
ACTION = """\
name: a stand-in
inputs: {{{inputs}}}
outputs: {{page_url: {{value: here}}}}
runs:
  using: composite
  steps:
    - shell: bash
      run: '"{python}" "{stand_in}" {name}'
      env:
        INPUTS: ${{{{ toJSON(inputs) }}}}
"""
LINUX = sys.platform == "linux"  # as the runners of all jobs that read what others made
needs_act = pytest.mark.skipif(
    not (LINUX and (TOOLS / "bin/act").exists() and shutil.which("jq")),
    reason="no Linux, act or jq here: `make .venv-ci/.ready` brings act, Debian has jq",
)


class Ran(NamedTuple):
    """What came of a pipeline."""

    jobs: dict[str, str]  # how each job ended, by its name and the values of its matrix
    calls: list[str]  # of stand-ins, each after the name of its job
    artifacts: Path  # the folder with a folder for each artifact
    printed: str


def repository(folder: Path) -> Project:
    """Return a repository with the workflows, whose HEAD is a merge, as GitHub tries it: its first parent is main."""
    project = Project(folder)
    shutil.copytree(WORKFLOWS, folder / ".github/workflows")
    (folder / "dvc.lock").write_text("{}\n")
    (folder / ".gitignore").write_text("/.venv/\n")
    for command in ("init -q -b main", "config user.name t", "config user.email t@example.invalid"):
        project.run("git", *command.split())
    project.commit("main")
    project.run("git", "remote", "add", "origin", "https://github.com/them/theirs.git")
    project.run("git", "checkout", "-q", "-b", "change")
    (folder / "note.txt").write_text("a change\n")
    project.commit("a change")
    project.run("git", "checkout", "-q", "main")
    project.run("git", "merge", "-q", "--no-ff", "-m", "the merge", "change")
    return project


def pull_request(*, fork: bool = False) -> dict[str, Any]:
    """Return GitHub's event of a pull request, as far as the workflows read it."""
    head = "somebody/theirs" if fork else "them/theirs"
    return {"pull_request": {"number": 7, "head": {"repo": {"full_name": head}}, "base": {"ref": "main"}}}


def _called(command: list[str | Path], project: Project, folder: Path) -> tuple[int, str]:
    """Return exit code and output of a runner: stand-ins are first on PATH, and home and cache are in the folder."""
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    for name in STAND_INS:
        (folder / "bin" / name).symlink_to(STAND_IN)
    path = os.pathsep.join(map(str, (folder / "bin", Path(sys.executable).parent, os.environ["PATH"])))
    kept = variables("CI", "GITHUB_", "GITLAB_", "RUNNER_", "DVC_", "MLFLOW_", "PYTEST_", "MAKE", "MFLAGS")
    own = kept | {"PATH": path, "XDG_CACHE_HOME": str(folder / "cache"), "HOME": str(folder)}
    done = subprocess.run(
        command, cwd=project.folder, env=own, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode, done.stdout


def act(project: Project, folder: Path, workflow: str, event: str, payload: Mapping[str, Any], **variables: str) -> Ran:
    """Run the workflow of the project for the event, in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    workflows = project.folder / ".github/workflows"
    (folder / "event.json").write_text(json.dumps(payload))
    artifacts = folder / "artifacts"
    artifacts.mkdir(exist_ok=True)
    labels = {
        label for file in workflows.iterdir() for label in re.findall(r"\b(?:ubuntu|macos)-[\w.-]+", file.read_text())
    }
    given = [f"{name}={value}" for name, value in ({"ARTIFACTS": str(artifacts)} | variables).items()]
    command = [
        TOOLS / "bin/act", event, "--workflows", workflows / workflow, "--json",
        "--eventpath", folder / "event.json", "--no-cache-server", "--action-cache-path", folder / "cache/act",
        # GitHub gives each job a machine. Here jobs would share this one, and act's table of local actions, which has
        # no lock: a job that misses its action there ends at once, without its artifact.
        "--concurrent-jobs=1",
        *(f"--platform={label}=-self-hosted" for label in sorted(labels)),
        *(f"--local-repository={each}" for each in _actions(folder / "actions")),
        *(f"--env={each}" for each in given),
    ]  # fmt: skip
    code, said = _called(command, project, folder)
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    ended = [line for line in lines if "jobResult" in line]
    jobs = {" ".join([line["jobID"], *map(str, line.get("matrix", {}).values())]): line["jobResult"] for line in ended}
    plain = [f"{line}\n" for line in said.splitlines() if not line.startswith("{")]
    printed = "".join([*(f"{line.get('jobID', '')}: {line['msg'].rstrip()}\n" for line in lines), *plain])
    assert (code == 0) == ("failure" not in jobs.values() and bool(jobs)), printed
    return Ran(jobs, _calls(folder), artifacts, printed)


def _actions(folder: Path) -> list[str]:
    """Return a stand-in for each action that a workflow uses: what it is called, and where it is."""
    workflows = [YAML(typ="safe").load(file.read_text()) for file in WORKFLOWS.glob("*.yml")]
    jobs = [job for workflow in workflows for job in workflow["jobs"].values()]
    steps = [step for job in jobs for step in job["steps"] if "uses" in step]
    for uses in {step["uses"] for step in steps}:
        name = uses.partition("@")[0].rpartition("/")[2]
        keys = sorted({key for step in steps if step["uses"] == uses for key in step.get("with", {})})
        inputs = ", ".join(f"{key}: {{}}" for key in keys)
        (folder / name).mkdir(parents=True, exist_ok=True)
        text = ACTION.format(inputs=inputs, python=sys.executable, stand_in=STAND_IN, name=name)
        (folder / name / "action.yml").write_text(text)
    return [f"{uses}={folder / uses.partition('@')[0].rpartition('/')[2]}" for uses in {step["uses"] for step in steps}]


def _calls(folder: Path) -> list[str]:
    calls = folder / "calls.txt"
    return calls.read_text().splitlines() if calls.exists() else []
