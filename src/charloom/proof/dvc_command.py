"""Run the command `dvc`."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from charloom.base.terminal import in_line


def dvc(
    *arguments: str, folder: Path | None = None, hear: Callable[[str], None] = lambda _: None, **variables: str
) -> tuple[int, str]:
    """Run DVC; return its exit code and its output, stdout and stderr together.

    folder     the folder in which DVC runs; None: the working folder
    hear       called with each line as soon as DVC prints it
    variables  environment variables to add

    Stages run with the current Python. The user's environment variables that begin with DVC_ or MLFLOW_ are removed.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "MLFLOW_"))}
    environment |= variables | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"}
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "dvc", *arguments],  # -P: no code of this folder
        cwd=folder, env=environment, text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        lines = []
        for line in process.stdout or ():
            lines.append(line)
            hear(line)
    return process.returncode, "".join(lines)


def reason(code: int, printed: str) -> str:
    """Return in one line why DVC failed, from its exit code and its output."""
    errors = (line for line in printed.splitlines() if line.startswith("ERROR: "))
    return in_line(next(errors, f"exit {code}"))
