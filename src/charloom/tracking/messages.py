"""What is said of a store that has failed: one line, without credentials."""

import os
import re
import sys
from collections.abc import Iterator
from urllib.parse import quote, unquote

from charloom.base.terminal import in_line

LONGEST = 500  # characters of a reason: a server can write as much as it likes
TELLING = 6  # characters from which a value of an address is looked for everywhere: shorter ones are in every word
SETTINGS = re.compile(r"([?&;][^\s=?&;#]+=)[^\s&;#'\")]*")  # in the query of any address


def warn(reason: object) -> None:
    """Say in one line that MLflow has not got something."""
    sys.stderr.write(f"warning: MLflow not updated ({first_line(reason)}); `make track` sends it later\n")


def first_line(reason: object) -> str:
    """Return the reason's first line, without credentials: MLflow puts a store's whole address into its messages."""
    if any(isinstance(each, MemoryError) for each in (reason, getattr(reason, "__context__", None))):  # MLflow wraps it
        return "its answer takes more memory than a store may have"
    first = (str(reason)[: 10 * LONGEST].strip().splitlines() or [type(reason).__name__])[0]
    for secret in sorted(_secrets(), key=len, reverse=True):
        first = first.replace(secret, "***")
    first = in_line(SETTINGS.sub(r"\1***", re.sub(r"//[^/\s]*@", "//***@", first)))
    return first if len(first) <= LONGEST else f"{first[:LONGEST]}…"


def _secrets() -> Iterator[str]:
    """Yield what nobody is to see: who asks, with what, and each value in the store's address, however written."""
    address = os.environ.get("MLFLOW_TRACKING_URI", "")
    who = address.partition(":")[2].lstrip("/").rpartition("@")[0]
    values = [value for value in re.findall(r"[?&;][^=&;]+=([^&;#]*)", address) if len(value) >= TELLING]
    password, token = (os.environ.get(f"MLFLOW_TRACKING_{name}", "") for name in ("PASSWORD", "TOKEN"))
    for secret in (who, who.partition(":")[2], *values, password, token):
        if secret:
            yield from (secret, unquote(secret), quote(secret, safe=""))
