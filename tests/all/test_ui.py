"""`charloom ui` on a terminal with a display: MLflow's own server, and a browser that keeps what it is given.

Code that lies in the folder, with the names of modules, is not run.
"""

import json
import os
import pty
import signal
import subprocess
import urllib.request

from projects import alive, copied, until
from stores import free_port

from charloom.tracking.ui import listening


def test_the_runs_are_opened_once_the_server_answers_and_ctrl_c_ends_it_all(finished, tmp_path):
    project = copied(finished, tmp_path / "project")
    project.run("charloom", "track")
    for name in ("uvicorn.py", "types.py", "mlflow/__init__.py", "flask.py", "uvloop/__init__.py"):
        path = project.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"import pathlib\npathlib.Path({str(project.folder / 'executed')!r}).write_text(__name__)\n")
    browser, opened, port = tmp_path / "browser", tmp_path / "opened", free_port()
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}.new && mv {opened}.new {opened}\n')
    browser.chmod(0o755)
    ours, terminal = pty.openpty()
    ui = subprocess.Popen(
        ["charloom", "ui", "--port", str(port)],
        cwd=project.folder, env=project.environment() | {"DISPLAY": ":9", "BROWSER": f"{browser} %s"},
        stdin=subprocess.DEVNULL, stdout=terminal, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    try:
        until(opened.exists)
        assert not (project.folder / "executed").exists(), (project.folder / "executed").read_text()
        (experiment,) = {run.info.experiment_id for run in project.runs()}
        page = opened.read_text()
        assert page.startswith(f"http://127.0.0.1:{port}/#/experiments/{experiment}/runs?")
        assert page in os.read(ours, 65536).decode()
        asked = f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/get?experiment_id={experiment}"
        with urllib.request.urlopen(asked, timeout=30) as answer:
            assert json.load(answer)["experiment"]["experiment_id"] == experiment
        os.killpg(ui.pid, signal.SIGINT)  # as the terminal does
        printed = ui.communicate(timeout=30)[1]
        assert ui.returncode == 0
        assert printed == b""  # what MLflow says goes to a file
        until(lambda: not listening(port))
    finally:
        os.close(ours)
        if alive(ui.pid):
            os.killpg(ui.pid, signal.SIGTERM)  # so that it ends its server, which is in a group of its own
            ui.wait(30)
