"""`charloom track`: send this folder's run, and what waits in the outbox, to MLflow."""

import argparse
import subprocess
import sys
from functools import partial
from itertools import takewhile

from charloom.core.base.errors import CheckFailed, Unavailable, WrongInput
from charloom.core.config.pipeline import HERE, ensure_repository, files
from charloom.core.config.reading import read_params
from charloom.results.lock_check import ensure_recorded
from charloom.results.run import from_folder
from charloom.tracking.collect import put_run
from charloom.tracking.limits import time_limit
from charloom.tracking.reasons import first_line
from charloom.tracking.sending import send_all


def track(arguments: argparse.Namespace) -> None:
    """Send this folder's run, and the outbox's studies and runs, to the current store; print a line for each.

    The folder's run is skipped, with a line that says why, if its results are not up to date.

    Raises Unavailable if a run or study was not sent, WrongInput if this folder is in no Git repository, and
    Damaged if a file of the run is invalid. Ends the process with the code 5 if MLflow makes no progress.
    """
    ensure_repository()
    own, template = None, "not everything was sent to MLflow ({}); `make track` retries"
    try:
        stages = takewhile(lambda name: name != "track", HERE.stages())
        status = [sys.executable, "-P", "-m", "dvc", "status", "--quiet", *stages]
        process = subprocess.run(status, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
        if process.returncode:
            other = "its results do not match its settings and sources; `dvc repro` updates them"
            raise CheckFailed(other if process.returncode == 1 else f"`dvc status`: {first_line(process.stderr)}")
        run = from_folder(read_params(), files("track"))
        own = put_run(run, partial(ensure_recorded, run.params))
    except (CheckFailed, WrongInput) as error:
        print(f"this folder's run was not sent: {error}", flush=True)
    with time_limit(template, Unavailable.exit_code):
        try:
            send_all(own)
        except Unavailable as error:
            raise Unavailable(template.format(error)) from None
