"""MLflow's pages on this machine alone, opened where the runs are, with the columns that compare them."""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from charloom.base.errors import Unavailable, WrongInput
from charloom.base.signals import deferred
from charloom.settings.pipeline import OWN
from charloom.tracking.address import artifacts
from charloom.tracking.asking import asked
from charloom.tracking.browser import HOST, listening, show
from charloom.tracking.catch_up import anything_waits, catch_up
from charloom.tracking.store import Store
from charloom.tracking.view import GROUPED_VIEW, VIEW

ENDING_MAY_TAKE = 3  # seconds
ASKING_MAY_TAKE = 45  # seconds, to say which experiment is ours


def serve(arguments: argparse.Namespace) -> None:
    """Serve the pages until Ctrl-C, and print where they are once they answer; a server elsewhere serves its own.

    Raises WrongInput where the port cannot be had, Unavailable where the store cannot be reached, or does not start.
    """
    store, port = Store(), arguments.port
    server = store.pages or f"http://{HOST}:{port}"
    if not store.remote and not _free(port):
        other = next(filter(_free, range(5001, 2**16)))
        raise WrongInput(f"port {port} is in use; `make ui PORT={other}` or `charloom ui --port {other}` takes another")
    if anything_waits():
        print("sending to MLflow what waits", flush=True)
        try:
            catch_up()
        except Unavailable as error:
            print(error)
    experiment, studies = asked("print_experiments", seconds=ASKING_MAY_TAKE).split("\n")[:2]
    runs = f"{server}/#/experiments/{{}}/runs?workflowType=machine_learning&viewStateShareKey={{}}"
    page = runs.format(experiment, VIEW) if experiment else f"{server}/#/experiments"
    lines = [f"open {page}"]
    if experiment:
        grouped = runs.format(experiment, GROUPED_VIEW)
        lines += [f"or, with a row for each setting and the mean over its seeds, {grouped}"]
    if studies:
        lines += [f"studies: {runs.format(studies, VIEW)}"]

    def tell() -> None:
        print("\n".join(lines), flush=True)
        show(page)

    if store.remote:
        tell()
    else:
        _serve(store.uri, port, tell)


def _free(port: int) -> bool:
    with suppress(OSError), socket.create_server((HOST, port)):
        return True
    return False


def _serve(store: str, port: int, tell: Callable[[], None]) -> None:
    """Be MLflow's server until a signal comes; `tell` is called once it answers.

    Raises Unavailable where the server ends by itself.
    """
    log = OWN / "ui.log"
    # The store's address is no option: others can read a command line. The server is a Python that would look for its
    # modules in this folder first, and so would Uvicorn in it.
    given = {"MLFLOW_BACKEND_STORE_URI": store, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    given |= {"PYTHONSAFEPATH": "1", "UVICORN_APP_DIR": os.devnull, "MLFLOW_LOGGING_LEVEL": "INFO"}
    where = ["--host", HOST, "--port", str(port), "--workers", "1", "--artifacts-destination", artifacts()]
    print(f"starting MLflow's server; {log} is what it says", flush=True)
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as said, deferred() as received:
        server = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *where], env=os.environ | given,
            stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            while server.poll() is None and not received and not listening(port):
                time.sleep(0.1)
            if server.poll() is None and not received:
                tell()
                print("(Ctrl-C ends it)", flush=True)
            while server.poll() is None and not received:
                time.sleep(0.2)
        finally:
            for number in (signal.SIGTERM, signal.SIGKILL):  # a page that is open may hold it up
                with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                    os.killpg(server.pid, number)
                    server.wait(ENDING_MAY_TAKE)
    if not received:
        raise Unavailable(f"MLflow's server has ended; {log} says why")
