"""`dvc`, run as somebody would at a terminal, and where its cache is."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from charloom.base.errors import Unavailable


def dvc(
    *arguments: str, folder: Path | None = None, hear: Callable[[str], None] = lambda _: None, **variables: str
) -> tuple[int, str]:
    """Return the exit code and what DVC prints, of which `hear` gets each line at once.

    Stages run by the Python that runs this, and see no setting of ours.
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


def cache() -> Path:
    """Return the folder in which DVC keeps files by their MD5. Raises Unavailable, with DVC's reason."""
    code, printed = dvc("cache", "dir")
    if code:
        raise Unavailable(f"dvc cache dir: {next(iter(printed.split(chr(10))), '') or f'exit {code}'}")
    return Path(printed.strip()) / "files" / "md5"
