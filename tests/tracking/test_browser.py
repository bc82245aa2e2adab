"""`charloom ui` without a server that starts or a free port, and its end."""

import os
import signal
import socket
import sqlite3
import subprocess
import time

import pytest
from projects import ROOT, Project, said
from stores import free_port
from stores import ui as opened

from charloom.commands import ui


@pytest.mark.slow
def test_a_server_that_does_not_start_is_a_line(project, monkeypatch):
    project.client().search_experiments()
    with sqlite3.connect(project.folder / "mlflow.db") as store:
        store.execute("update alembic_version set version_num = 'none of theirs'")
    store.close()
    monkeypatch.setattr(ui, "experiment_ids", lambda: ["1", ""])  # it would say so before
    _, complaint = said(project, "ui", "--port", str(free_port()), code=5)
    assert complaint.endswith("MLflow's server has ended: the last lines of .charloom/ui.log are above\n")
    assert "none of theirs" in complaint


@pytest.mark.slow
def test_a_signal_that_comes_several_times_ends_the_server_too(project):
    with opened(project) as (process, port):
        assert ui.listening(port)
        for _ in range(5):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.02)
        process.wait(30)
        assert not ui.listening(port)


def test_a_port_in_use_is_a_line_that_names_both_ways_of_choosing_another(finished):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        printed, complaint = said(finished, "ui", "--port", str(port), code=2)
    line = f"--port: {port} is in use; allowed is a free port: `charloom ui --port N`, `make ui PORT=N`\n"
    assert (printed, complaint) == ("", line)


def test_another_folder_gets_a_line_and_no_store(tmp_path):
    printed, complaint = said(Project(tmp_path), "ui", code=2)
    line = "params.yaml: No such file or directory; start charloom in the project's folder\n"
    assert (printed, complaint, [*tmp_path.iterdir()]) == ("", line, [])


@pytest.mark.parametrize(("given", "command"), [(["PORT=5001"], "charloom ui --port '5001'"), ([], "charloom ui")])
def test_make_hands_the_port_on(given, command):
    kept = {key: value for key, value in os.environ.items() if key != "PORT" and "MAKE" not in key}
    done = subprocess.run(["make", "-n", "ui", *given], cwd=ROOT, env=kept, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].strip() == command
