"""The page is opened where somebody can see it, and nothing stays."""

import os
import pty
import socket
import sqlite3
import subprocess
import sys
from contextlib import contextmanager

import pytest
from projects import ROOT, alive, said, until
from stores import free_port

from charloom.tracking import ui

# Asks for the page, and lives until its standard input ends, as a server would.
ASK = """
import sys
from charloom.tracking.ui import show
show(sys.argv[1])
print("asked")
sys.stdin.read()
"""


@contextmanager
def asking(folder, page, *, terminal=True, **variables):
    """Ask for the page in a process group of its own; yield the file that the browser writes."""
    browser, opened = folder / "browser", folder / "opened"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}.new && mv {opened}.new {opened}\n')
    browser.chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if "DISPLAY" not in key}
    ours, theirs = pty.openpty() if terminal else os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", ASK, page],
        env=kept | {"PYTHONPATH": str(ROOT / "src"), "BROWSER": f"{browser} %s"} | variables,
        stdin=subprocess.PIPE, stdout=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    assert os.read(ours, 5) == b"asked"
    try:
        yield opened
    finally:
        os.close(ours)
        process.stdin.close()
        process.wait()
        until(lambda: not alive(process.pid))


@pytest.mark.parametrize("variable", ["DISPLAY", "WAYLAND_DISPLAY"])
def test_a_page_is_opened_where_there_is_a_display(tmp_path, variable):
    page = "https://elsewhere.invalid/#/experiments/1"
    with asking(tmp_path, page, **{variable: ":9"}) as opened:
        until(opened.exists)
    assert opened.read_text() == page


@pytest.mark.parametrize(("terminal", "display"), [(True, ""), (False, ":9")])
def test_nothing_is_opened_without_a_display_or_a_terminal(tmp_path, terminal, display):
    with asking(tmp_path, "https://elsewhere.invalid/", terminal=terminal, DISPLAY=display) as opened:
        pass  # nothing is left of it afterwards
    assert not opened.exists()


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
