"""`charloom doctor`: check what a run needs, and print a line for each check. A failure's line names the remedy."""

import argparse
import platform
import re
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from uuid import uuid4

from charloom.core.base.errors import CheckFailed
from charloom.core.base.terminal import visible
from charloom.core.config.pipeline import ensure_repository
from charloom.core.config.reading import read_params
from charloom.tracking.limits import time_limit
from charloom.tracking.queries import store_address
from charloom.tracking.reasons import first_line

LOCKS = Path("requirements.lock"), Path(".ci/requirements-team.lock")
LONGEST = 60  # seconds for all checks


def doctor(arguments: argparse.Namespace) -> None:
    """Print a line for each check: ok or NO, what is checked, and the result. Raises CheckFailed if a check fails."""
    failures, checks = 0, {"environment": _environment, "params.yaml": _params, "MLflow": store_address}
    for subject, check in (checks | {"DVC remote": _remote}).items():
        try:
            with time_limit(f"NO  {subject:18}{{}}", CheckFailed.exit_code, LONGEST):
                word, result = "ok", check()
        except Exception as error:  # noqa: BLE001  the libraries of remotes raise exceptions of their own
            word, result, failures = "NO", first_line(error), failures + 1
        print(visible(f"{word:4}{subject:18}{result}"), flush=True)
    if failures:
        raise CheckFailed("1 check failed" if failures == 1 else f"{failures} checks failed")


def _environment() -> str:
    """Compare the versions of the installed packages with those in the lock files, if there are any."""
    others, pinned = [], "".join(lock.read_text(encoding="utf-8") for lock in LOCKS if lock.exists())
    for name in dict.fromkeys(re.findall(r"^([\w.-]+)==", pinned, re.MULTILINE)):
        with suppress(PackageNotFoundError):  # an optional package
            if not re.search(rf"^{re.escape(name)}=={re.escape(version(name))}[ ;\\\n]", pinned, re.MULTILINE):
                others.append(f"{name} {version(name)}")
    if others:
        raise CheckFailed(
            f"differs from {LOCKS[0]}: {', '.join(others[:3])}: `rm .venv/.ready; make setup` corrects it"
        )
    return f"Python {platform.python_version()} in {sys.prefix}{f', as in {LOCKS[0]}' if pinned else ''}"


def _params() -> str:
    ensure_repository()
    text = Path(read_params().prepare.text)
    return f"valid; its text {text} has {text.stat().st_size:,} bytes"


def _remote() -> str:
    """Write a file to DVC's default remote, and remove it."""
    from dvc.repo import Repo  # noqa: PLC0415  the import takes a quarter of a second

    with Repo() as repo:
        if not (name := repo.config["core"].get("remote")):
            return "no default remote: each clone recomputes the results"
        remote = repo.cloud.get_remote(name)
        where = f"{name}: {remote.fs.unstrip_protocol(remote.path)}"
        if remote.fs.protocol != "s3" and not remote.fs.exists(remote.path):  # S3 has no folders
            raise CheckFailed(f"{where}: does not exist: is it mounted? `mkdir` creates it")
        file = remote.fs.join(remote.path, f"charloom-doctor-{uuid4().hex}")
        remote.fs.pipe_file(file, b"a test")
        remote.fs.remove(file)
        return f"{where}: can be written"
