"""What is said of a store that has failed: one line, without credentials."""

import os
import re
import sys

from charloom.base.terminal import visible


def warn(reason: object) -> None:
    """Say in one line that MLflow has not got something."""
    sys.stderr.write(f"warning: MLflow not updated ({first_line(reason)}); `make track` sends it later\n")


def first_line(reason: object) -> str:
    """Return the reason's first line, without credentials: MLflow puts a store's whole address into its messages."""
    first = (str(reason).strip().splitlines() or [type(reason).__name__])[0]
    credentials = os.environ.get("MLFLOW_TRACKING_URI", "").partition("//")[2].rpartition("@")[0]
    for secret in (credentials, *(os.environ.get(f"MLFLOW_TRACKING_{name}") for name in ("PASSWORD", "TOKEN"))):
        if secret:
            first = first.replace(secret, "***")
    return visible(re.sub(r"//[^/\s]*@", "//***@", first))
