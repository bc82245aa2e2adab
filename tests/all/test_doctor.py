"""`charloom doctor` names each cause in a line, with what to do, and leaves no trace."""

import os
import shutil
from contextlib import ExitStack, chdir
from pathlib import Path

import pytest
from projects import ROOT, Project, copied
from stores import Server, answering, before, free_port

EDIT = "ask its owner for the permission EDIT"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.kill()


@pytest.fixture
def here(finished, tmp_path) -> Project:
    return copied(finished, tmp_path / "here")


def asked(project: Project, store: str = "", *arguments: str) -> tuple[list[str], int]:
    """Return the lines that begin with NO, and how many there are in all."""
    variables = {"MLFLOW_TRACKING_URI": store} if store else {}
    printed = project.run("charloom", "doctor", *arguments, expect=None, **variables)
    lines = printed.splitlines()
    stand = [line for line in lines if line.startswith("NO  ")]
    assert "Traceback" not in printed
    stands = "1 check failed" if len(stand) == 1 else f"{len(stand)} checks failed"
    assert (stands in printed) == bool(stand)
    return stand, len(lines)


def test_where_all_is_well_no_line_says_no_and_nothing_is_written(here, server):
    was = here.contents()
    assert asked(here, server.uri)[0] == []
    assert asked(here)[0] == []
    client = here.client(server.uri)
    assert [each.name for each in client.search_experiments()] == ["Default"]
    assert client.search_registered_models() == []
    assert not here.runs(server.uri)
    now = {
        name: content for name, content in here.contents().items() if not name.startswith((".charloom", "mlflow.db"))
    }
    assert now == {name: content for name, content in was.items() if not name.startswith((".charloom", "mlflow.db"))}


def test_a_cache_of_compiled_code_that_cannot_be_written_is_named(here):
    (here.folder / "file").write_text("")
    for folder, why in ((here.folder / "file", "File exists"), (Path("/proc/nowhere"), "No such file or directory")):
        printed = here.run("charloom", "doctor", expect=1, NUMBA_CACHE_DIR=str(folder))
        assert f"NO  compiled code     {folder}: {why}: each start compiles again; set NUMBA_CACHE_DIR" in printed
    cache = here.folder / "cache"
    assert f"ok  compiled code     {cache}: can be written" in here.run(
        "charloom", "doctor", NUMBA_CACHE_DIR=str(cache)
    )
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("params.yaml", "seed: 1 ", "sede: 1 ", ["NO  params.yaml", "sede", "seed"]),
        ("params.yaml", "data/fox.txt", "data/wolf.txt", ["NO  params.yaml", "data/wolf.txt"]),
        (
            "requirements.lock",
            "\nnumpy==",
            "\nnumpy==0.",
            ["NO  environment", "numpy 2", "`rm .venv/.ready; make setup` corrects it"],
        ),
    ],
)
def test_a_file_of_the_project_s(here, file, old, new, says):
    shutil.copy(ROOT / "requirements.lock", here.folder)
    here.edit(file, old, new)
    (line,), _ = asked(here)
    assert all(each in line for each in says), line


def test_no_repository(here):
    (here.folder / ".git").rename(here.folder / "git")
    (line,), _ = asked(here)
    assert "not a Git repository, but DVC needs one" in line


@pytest.mark.parametrize(
    ("way", "says"),
    [
        ("gone", "no server listens there: is the address right, and is the server running?"),
        ("https", "the server speaks http: MLFLOW_TRACKING_URI must begin with http://"),
        (401, "requires a login: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
        ("no scheme", "MLFLOW_TRACKING_URI: must begin with http://, https:// or sqlite:///"),
        (403, f"no permission without a user name: {EDIT}"),
        ("host", "start it with the name in --allowed-hosts"),
        ("upload", "raise its limit (nginx: client_max_body_size)"),
        ("clock", "behind the server's clock: correct the wrong clock"),
        ("database", "unable to open database file"),
    ],
)
def test_a_server(here, server, way, says):
    with ExitStack() as stack:
        if isinstance(way, int):
            address, _ = stack.enter_context(
                answering(way, body=b"Unauthorized" if way == 401 else b"Permission denied")
            )
        elif way == "host":
            address, _ = stack.enter_context(answering(403, body=b"Invalid Host header - possible DNS rebinding"))
        elif way in {"upload", "clock"}:
            odd = {"largest": 1000} if way == "upload" else {"ahead": 600}
            address, _ = stack.enter_context(before(server.uri, **odd))
        else:
            address = {
                "gone": f"http://127.0.0.1:{free_port()}",
                "https": server.uri.replace("http:", "https:"),
                "no scheme": server.uri.removeprefix("http://"),
                "database": "sqlite:///src",
            }[way]
        (line,), _ = asked(here, address)
    assert says in line


def test_a_name_without_an_address_is_told_that_runs_stay_here(here):
    printed = here.run("charloom", "doctor", MLFLOW_TRACKING_USERNAME="ann")
    assert "; runs stay local: MLFLOW_TRACKING_USERNAME is set, but MLFLOW_TRACKING_URI is not" in printed


def test_a_slow_server_stands_in_nobody_s_way_and_is_said(here, server):
    with before(server.uri, 0.7) as (address, _):
        printed = here.run("charloom", "doctor", MLFLOW_TRACKING_URI=address)
    assert "s a request, which is slow; auth_cache_ttl_seconds in its auth.ini may help" in printed


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("['remote \"ours\"']\nurl = s3://bucket/x\n[core]\nremote = ours\n", "`make setup TEAM=1` installs it"),
        ("['remote \"ours\"']\npassword = x\n[core]\nremote = ours\n", "keys of a remote without its url"),
        ("['remote \"ours\"']\nurl = ../dvc.yaml/x\n[core]\nremote = ours\n", "NO  DVC remote"),
        ("['remote \"ours\"']\nurl = ../../absent\n[core]\nremote = ours\n", "does not exist: is it mounted?"),
        ("['remote \"ours\"']\nurl = ../../shared\n[core]\nremote = ours\n", "set `umask 002` before `dvc push`"),
    ],
)
def test_a_remote(here, config, says):
    shared = here.folder.parent / "shared"
    shared.mkdir()
    shared.chmod(0o2775)
    (here.folder / ".dvc/config.local").write_text(config)
    (line,), _ = asked(here)
    assert says in line
    assert list(shared.iterdir()) == []


def test_a_remote_that_takes_files_keeps_none_of_ours(here):
    (here.folder.parent / "mine").mkdir()
    config = "['remote \"ours\"']\nurl = ../../mine\n[core]\nremote = ours\n"
    (here.folder / ".dvc/config.local").write_text(config)
    with chdir(here.folder):
        printed = here.run("charloom", "doctor")
    assert f"ours: {os.path.realpath(here.folder.parent)}/mine: write and read" in printed
    assert list((here.folder.parent / "mine").iterdir()) == []


def test_no_scheduler(here):
    (line,), _ = asked(here, "", "--dask", f"tcp://127.0.0.1:{free_port()}")
    assert "no scheduler answers" in line
