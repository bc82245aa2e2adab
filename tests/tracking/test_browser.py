"""The page is opened where somebody can see it, and nothing stays."""

import os
import socket
import sqlite3
import subprocess
import webbrowser
from contextlib import redirect_stdout
from types import SimpleNamespace

import pytest
from projects import ROOT, said, until
from stores import free_port

from charloom.tracking import ui


@pytest.mark.parametrize(
    ("terminal", "variable"), [(True, "DISPLAY"), (True, "WAYLAND_DISPLAY"), (True, "NONE"), (False, "DISPLAY")]
)
def test_a_page_is_opened_on_a_terminal_with_a_display(monkeypatch, terminal, variable):
    opened = []
    browser = SimpleNamespace(open=lambda page, *_: opened.append(page) or True)  # so no other one is asked
    webbrowser.register("a test's", None, browser, preferred=True)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, ":9")
    monkeypatch.setenv("TERM", "xterm")
    with redirect_stdout(SimpleNamespace(isatty=lambda: terminal, write=len, flush=int)):
        ui.show("https://elsewhere.invalid/", "")
    if terminal and variable != "NONE":
        until(lambda: opened)
    assert opened == ["https://elsewhere.invalid/"] * (terminal and variable != "NONE")


@pytest.mark.slow
def test_a_server_that_does_not_start_is_a_line(project, monkeypatch):
    project.client().search_experiments()
    with sqlite3.connect(project.folder / "mlflow.db") as store:
        store.execute("update alembic_version set version_num = 'none of theirs'")
    store.close()
    monkeypatch.setattr(ui, "asked", lambda *_, **__: "1\n\n")  # it would say so before
    _, complaint = said(project, "ui", "--port", str(free_port()), code=5)
    assert complaint == "MLflow's server has ended; see .charloom/ui.log\n"
    assert "none of theirs" in (project.folder / ".charloom/ui.log").read_text()


def test_a_port_in_use_is_a_line_that_names_another_for_both_ways_of_starting(finished):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        printed, complaint = said(finished, "ui", "--port", str(port), code=2)
    other = complaint.split("PORT=")[1].split("`")[0]
    line = f"port {port} is in use; `make ui PORT={other}` or `charloom ui --port {other}` uses another\n"
    assert (printed, complaint) == ("", line)
    socket.create_server(("127.0.0.1", int(other))).close()


@pytest.mark.parametrize(("given", "command"), [(["PORT=5001"], "charloom ui --port '5001'"), ([], "charloom ui")])
def test_make_hands_the_port_on(given, command):
    kept = {key: value for key, value in os.environ.items() if key != "PORT" and "MAKE" not in key}
    done = subprocess.run(["make", "-n", "ui", *given], cwd=ROOT, env=kept, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].strip() == command
