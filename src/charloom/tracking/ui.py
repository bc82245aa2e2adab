"""`charloom ui`: serve MLflow's pages on this machine only, and open the page of runs with charloom's view."""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Thread

from charloom.base.errors import Unavailable, WrongInput
from charloom.base.signals import deferred
from charloom.settings.pipeline import OWN
from charloom.tracking.address import address, artifacts, page_address
from charloom.tracking.asking import asked
from charloom.tracking.view import VIEW

HOST = "127.0.0.1"
END_TIMEOUT = 3  # seconds
QUERY_TIMEOUT = 45  # seconds, to query the experiments


def serve(arguments: argparse.Namespace) -> None:
    """Serve MLflow's pages until Ctrl-C. When the pages are ready, print their addresses, and open a browser.

    If the store is a server, its own pages are printed and opened, and nothing is served. The port is `arguments.port`.

    Raises WrongInput if the port is in use, and Unavailable if the store cannot be reached, or MLflow's server ends by
    itself.
    """
    port, remote = arguments.port, page_address()
    server = remote or f"http://{HOST}:{port}"
    if not remote and listening(port):
        other = next(port for port in range(5001, 2**16) if not listening(port))
        raise WrongInput(f"port {port} is in use; `make ui PORT={other}` or `charloom ui --port {other}` uses another")
    experiment, studies = asked("print_experiments", seconds=QUERY_TIMEOUT).split("\n")[:2]
    runs = f"{server}/#/experiments/{{}}/runs?workflowType=machine_learning&viewStateShareKey={{}}"
    page = runs.format(experiment, VIEW) if experiment else f"{server}/#/experiments"
    lines = f"open {page}" + (f"\nstudies: {runs.format(studies, VIEW)}" if studies else "")
    if remote:
        show(page, lines)
    else:
        _serve(port, partial(show, page, f"{lines}\n(Ctrl-C ends it)"))


def show(page: str, lines: str) -> None:
    """Print the lines, open the page at this address in a browser, and do not wait.

    No page is opened without a display or a terminal.
    """
    print(lines, flush=True)
    has_display = any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    has_display = has_display or (sys.platform == "darwin" and "SSH_CONNECTION" not in os.environ)
    if has_display and sys.stdout.isatty():
        os.environ.pop("TERM", None)  # excludes browsers that run in the terminal
        Thread(target=webbrowser.open, args=(page,)).start()


def listening(port: int) -> bool:
    """Return whether a server on this machine listens on the port of 127.0.0.1."""
    with socket.socket() as client:
        return client.connect_ex((HOST, port)) == 0


def _serve(port: int, announce: Callable[[], None]) -> None:
    """Run MLflow's server on 127.0.0.1 until a signal; call `announce` when the server is ready.

    Raises Unavailable if the server ends by itself.
    """
    log = OWN / "ui.log"
    # An environment variable passes the store's address, because other users can read a command line. Without the last
    # settings, Python and Uvicorn would import modules from this folder first.
    variables = {"MLFLOW_BACKEND_STORE_URI": address(), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    variables |= {"PYTHONSAFEPATH": "1", "UVICORN_APP_DIR": os.devnull, "MLFLOW_LOGGING_LEVEL": "INFO"}
    options = ["--host", HOST, "--port", str(port), "--workers", "1", "--artifacts-destination", artifacts()]
    print(f"starting MLflow's server; its log is {log}", flush=True)
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as output, deferred() as received:
        server = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *options], env=os.environ | variables,
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            ready = False
            while server.poll() is None and not received:
                if not ready and listening(port):
                    ready = True
                    announce()
                time.sleep(0.1)
        finally:
            for number in (signal.SIGTERM, signal.SIGKILL):  # an open page may delay the end
                with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                    os.killpg(server.pid, number)
                    server.wait(END_TIMEOUT)
    if not received:
        raise Unavailable(f"MLflow's server has ended; see {log}")
