"""`charloom doctor` names each cause in a line, with what to do, and leaves no trace."""

import os
import shutil
from contextlib import nullcontext

import pytest
from projects import ROOT, Project
from stores import answering, free_port

OURS = "['remote \"ours\"']\n{}\n[core]\nremote = ours\n"
# A fault of a server and its message, then a fault of a remote and its message. tests/tracking has more of servers.
FAULTS = (
    ("no login", "requires a login: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
     "url = gs://bucket/x", "`make setup TEAM=1` installs it"),
    ("no scheme", "MLFLOW_TRACKING_URI: must begin with http://, https:// or sqlite:///",
     "password = x", "keys of a remote without its url"),
    ("refused", "no server listens there", "url = SERVER", "404, message='Not Found'"),
    ("database", "unable to open database file", "url = ../../absent", "does not exist: is it "),
)  # fmt: skip


def asked(project: Project, *arguments: str, **variables: str) -> tuple[list[str], str]:
    """Return the lines that begin with NO, and all that is printed."""
    printed = project.run("charloom", "doctor", *arguments, expect=None, **variables)
    problems = [line for line in printed.splitlines() if line.startswith("NO  ")]
    assert "Traceback" not in printed
    count = "1 check failed" if len(problems) == 1 else f"{len(problems)} checks failed"
    assert (count in printed) == bool(problems)
    return problems, printed


def test_doctor_finds_nothing_in_a_sound_project_and_writes_nothing(project, server):
    before = project.contents()
    (project.folder.parent / "mine").mkdir()
    (project.folder / ".dvc/config.local").write_text(OURS.format("url = ../../mine"))
    cache = project.folder / "cache"
    for variables in ({"MLFLOW_TRACKING_URI": server.uri}, {}):
        problems, printed = asked(project, NUMBA_CACHE_DIR=str(cache), **variables)
        assert not problems
        assert f"ok  compiled code     {cache}/charloom: can be written" in printed
        assert f"ours: {os.path.realpath(project.folder.parent)}/mine: write and read" in printed
    client = project.client(server.uri)
    assert [each.name for each in client.search_experiments()] == ["Default"]
    assert client.search_registered_models() == []
    assert not project.runs(server.uri)
    assert project.contents() == before
    assert not [*(cache / "charloom").iterdir(), *(project.folder.parent / "mine").iterdir()]


@pytest.mark.parametrize(("old", "new", "cache", "why"), [
    ("seed: 1 ", "sede: 1 ", "dvc.lock", "Not a directory"),
    ("data/fox.txt", "data/wolf.txt", "/proc/nowhere", "No such file or directory"),
])  # fmt: skip
def test_doctor_prints_a_line_for_each_fault(project, old, new, cache, why):
    shutil.copy(ROOT / "requirements.lock", project.folder)
    project.edit("requirements.lock", "\nnumpy==", "\nnumpy==0.")
    project.edit("params.yaml", old, new)
    folder = project.folder / cache
    (environment, compiled, params), _ = asked(project, NUMBA_CACHE_DIR=str(folder))
    assert environment.startswith("NO  environment")
    assert environment.endswith(": `rm .venv/.ready; make setup` corrects it")
    assert "numpy 2" in environment
    assert compiled == (
        f"NO  compiled code     {folder}/charloom: {why}: each start compiles again; "
        "set NUMBA_CACHE_DIR to a folder that can be written"
    )
    assert params.startswith("NO  params.yaml")
    assert new.split(":")[0] in params
    assert "Errno" not in params


def test_no_repository(project):
    (project.folder / ".git").rename(project.folder / "git")
    (line,), _ = asked(project)
    assert "not a Git repository, but DVC needs one" in line


@pytest.mark.parametrize(("way", "cause", "config", "remote_cause"), FAULTS, ids=[way for way, *_ in FAULTS])
def test_a_server_and_a_remote_that_take_nothing(project, server, way, cause, config, remote_cause):
    (project.folder / ".dvc/config.local").write_text(OURS.format(config.replace("SERVER", server.uri)))
    servers = {
        "no login": answering(401, body=b"Unauthorized"),
        "no scheme": nullcontext((server.uri.removeprefix("http://"), None)),
        "refused": nullcontext((f"http://127.0.0.1:{free_port()}", None)),
        "database": nullcontext(("sqlite:///src", None)),
    }
    with servers[way] as (address, _):
        lines, _ = asked(project, MLFLOW_TRACKING_URI=address)
    assert [cause in lines[0], remote_cause in lines[1], len(lines)] == [True, True, 2], lines


def test_a_scheduler_that_is_away_is_named(project):
    (line,), _ = asked(project, "--dask", f"tcp://127.0.0.1:{free_port()}")
    assert "no connection" in line
