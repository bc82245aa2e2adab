"""Error messages about a store: one line, without credentials."""

import os
import re
from collections.abc import Iterator
from urllib.parse import quote, unquote

from charloom.core.base.words import in_line

NOT_FOUND = 404  # HTTP status
DENIED = "PERMISSION_DENIED"  # MLflow's error code
MAX_LENGTH = 500  # characters of a message; a server controls the length of its own
QUERY_VALUES = re.compile(r"([?&;][^\s=?&;#]+=)[^\s&;#'\")]*")  # the values in an address's query


def causes(error: object) -> Iterator[object]:
    """Yield the exception, the exception that caused it, and so on."""
    while error is not None:
        yield error
        error = getattr(error, "__cause__", None) or getattr(error, "__context__", None)


def first_line(error: object) -> str:
    """Return the first line of an exception or message, with credentials masked.

    MLflow's message of a failed request repeats those of all libraries involved; only the innermost one is returned.
    """
    text = str(error)[: 10 * MAX_LENGTH].strip()
    *_, innermost = causes(error)
    request, failed, _ = text.partition(" failed with exception ")
    if failed and innermost is not error:
        text = f"{request}: {getattr(innermost, 'strerror', None) or innermost}"
    return in_line(masked(next(iter(text.splitlines()), type(error).__name__))[:MAX_LENGTH])


def masked(text: str) -> str:
    """Return the text with `***` for password, token and login, and for the values in an address's query."""
    login = os.environ.get("MLFLOW_TRACKING_URI", "").partition(":")[2].lstrip("/").rpartition("@")[0]
    variables = (os.environ.get(f"MLFLOW_TRACKING_{name}", "") for name in ("PASSWORD", "TOKEN"))
    for secret in filter(None, (login, login.partition(":")[2], *variables)):
        for form in (secret, unquote(secret), quote(secret, safe="")):
            text = text.replace(form, "***")
    return QUERY_VALUES.sub(r"\1***", re.sub(r"//[^/\s]*@", "//***@", text))
