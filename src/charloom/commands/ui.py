"""`charloom ui`: serve MLflow's pages on this machine only, and print the addresses of runs and studies."""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress

from charloom.core.base.errors import Unavailable, WrongInput
from charloom.core.base.signals import deferred
from charloom.core.base.terminal import visible
from charloom.core.config.pipeline import CHARLOOM_FOLDER
from charloom.core.config.reading import read_params
from charloom.tracking.address import address, artifacts, page_address
from charloom.tracking.queries import experiment_ids
from charloom.tracking.tag import VIEW

HOST = "127.0.0.1"
END_TIMEOUT = 3  # seconds
SHOWN_LINES = 10  # of the server's log, if it fails


def serve(arguments: argparse.Namespace) -> None:
    """Serve MLflow's pages until Ctrl-C, and print their addresses when the pages are ready.

    If the store is a server, only the addresses of its pages are printed. The port is `arguments.port`.

    Raises WrongInput as `read_params` does, or if the port is in use. Raises Unavailable if the store cannot be
    reached, or MLflow's server ends by itself.
    """
    read_params()  # in a folder without a project MLflow would create a store
    remote, port = page_address(), arguments.port
    if not remote and listening(port):
        raise WrongInput(f"--port: {port} is in use; allowed is a free port: `charloom ui --port N`, `make ui PORT=N`")
    experiment, studies = experiment_ids()
    pages = f"{remote or f'http://{HOST}:{port}'}/#/experiments"
    runs = f"/runs?workflowType=machine_learning&viewStateShareKey={VIEW}"
    no_run = f"open {pages}\nno run on this text yet: `make track` sends the run of this folder"
    lines = f"open {pages}/{experiment}{runs}" if experiment else no_run
    lines += f"\nstudies: {pages}/{studies}{runs}" if studies else ""
    if remote:
        print(lines)
        return
    log = CHARLOOM_FOLDER / "ui.log"
    # An environment variable passes the store's address, because other users can read a command line. Without the last
    # settings, Python and Uvicorn would import modules from this folder first.
    variables = {"MLFLOW_BACKEND_STORE_URI": address(), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    variables |= {"PYTHONSAFEPATH": "1", "UVICORN_APP_DIR": os.devnull, "MLFLOW_LOGGING_LEVEL": "INFO"}
    options = ["--host", HOST, "--port", str(port), "--workers", "1", "--artifacts-destination", artifacts()]
    print("starting MLflow's server", flush=True)
    start = time.monotonic()
    log.parent.mkdir(exist_ok=True)
    # A group's SIGTERM comes twice from make, and the server would outlive this process.
    with log.open("wb") as output, deferred(further=True) as received:
        server = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *options], env=os.environ | variables,
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            while server.poll() is None and not received:
                if lines and listening(port):
                    print(f"{lines}\n(ready after {time.monotonic() - start:.0f} s; Ctrl-C ends it)", flush=True)
                    lines = ""
                time.sleep(0.1)
        finally:
            for number in (signal.SIGTERM, signal.SIGKILL):  # an open page may delay the end
                with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                    os.killpg(server.pid, number)
                    server.wait(END_TIMEOUT)
    if not received:
        sys.stderr.write(visible("".join(log.read_text(errors="replace").splitlines(keepends=True)[-SHOWN_LINES:])))
        raise Unavailable(f"MLflow's server has ended: the last lines of {log} are above")


def listening(port: int) -> bool:
    """Return whether a server on this machine listens on the port of 127.0.0.1."""
    with socket.socket() as client:
        return client.connect_ex((HOST, port)) == 0
