"""`dvc`, run as somebody would at a terminal, and where its cache is."""

import os
import subprocess
import sys
from pathlib import Path

from charloom.base.errors import Unavailable


def dvc(*arguments: str, folder: Path | None = None, **variables: str) -> tuple[int, str]:
    """Return the exit code and what DVC prints. Stages run by the Python that runs this, and see no setting of ours."""
    foreign = ("DVC_", "MLFLOW_") if folder else ("DVC_",)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(foreign)} | variables
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        [sys.executable, "-P", "-m", "dvc", *arguments],  # -P: no code of this folder
        cwd=folder, env=environment, check=False, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.returncode, done.stdout


def cache() -> Path:
    """Return the folder in which DVC keeps files by their MD5. Raises Unavailable, with DVC's reason."""
    code, printed = dvc("cache", "dir")
    if code:
        raise Unavailable(f"dvc cache dir: {next(iter(printed.split(chr(10))), '') or f'exit {code}'}")
    return Path(printed.strip()) / "files" / "md5"
