"""The workflows name commands and options that there are; zizmor looks for unpinned actions and images."""

import re
import tomllib
from pathlib import Path

import pytest
from projects import ROOT, called
from ruamel.yaml import YAML

from charloom.commands import cli

PLATFORMS = {
    "ubuntu-24.04": "x86_64-manylinux_2_28", "ubuntu-24.04-arm": "aarch64-manylinux_2_28",
    "macos-15": "aarch64-apple-darwin",
}  # fmt: skip
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
LINES = [line.strip(" -") for file in (*WORKFLOWS, ROOT / ".gitlab-ci.yml") for line in file.read_text().splitlines()]


def jobs(file: Path) -> dict:
    return YAML(typ="safe").load(file.read_text())["jobs"]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_job_may_write_only_where_no_code_of_the_repository_runs(file):
    for name, job in jobs(file).items():
        writes = {scope for scope, access in job["permissions"].items() if access == "write"}
        if writes:
            said = "\n".join(f"{step.get('run', '')} {step.get('uses', '')}" for step in job["steps"])
            assert not re.search(r"checkout|python|make |charloom|dvc ", said.replace("dvc summary", "")), name
            assert ("head.repo.full_name" in job.get("if", "")) == ("pull-requests" in writes)


def test_the_workflow_machines_match_the_platforms_and_pythons_of_make_lock():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    matrix = jobs(ROOT / ".github/workflows/reproduce.yml")["reproduce"]["strategy"]["matrix"]
    assert {PLATFORMS[system] for system in matrix["os"]} == set(project["tool"]["charloom"]["platforms"])
    versions = {*matrix["python"], *(row["python"] for row in matrix["include"])}
    minors = {int(version.removeprefix("3.")) for version in versions}
    assert project["project"]["requires-python"] == f">=3.{min(minors)},<3.{max(minors) + 1}"
    assert minors == {*range(min(minors), max(minors) + 1)}


def test_each_target_of_make_is_there():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for line in LINES for target in re.findall(r"^(?:run: )?make ([a-z-]+)", line)}
    assert {"check", "setup", "test"} <= named <= targets


def test_each_command_of_charloom_is_there_with_its_options():
    lines = [line for line in LINES if "bin/charloom " in line]
    assert len(lines) > 6
    for line in lines:
        command, rest = re.search(r"bin/charloom (\w+)(.*)", line).groups()
        code, help_, _ = called(cli.main, "charloom", command, "--help")
        assert code == 0
        assert set(re.findall(r"--[a-z]+", rest)) <= set(re.findall(r"--[a-z-]+", help_)), line


def test_the_documented_workflow_for_other_projects_calls_existing_commands():
    page = (ROOT / "docs/pull_requests.md").read_text()
    (job,) = YAML(typ="safe").load(page.partition("```yaml\n")[2].partition("```")[0])["jobs"].values()
    called_ = ROOT / job["uses"]
    offered = YAML(typ="safe").load(called_.read_text())
    assert set(job["with"]) <= set(offered["on"]["workflow_call"]["inputs"])
    needed = {scope: access for each in offered["jobs"].values() for scope, access in each["permissions"].items()}
    assert job["permissions"] == needed
