"""Error messages about a store: one line, without credentials."""

import os
import re
from collections.abc import Iterator
from urllib.parse import quote, unquote

from charloom.core.base.errors import Unavailable
from charloom.core.base.words import in_line

NO_MODELS = "the server has no LoggedModels (new in MLflow 3): models are sent as artifacts of their run"
NOT_FOUND = 404  # HTTP status
DENIED = "PERMISSION_DENIED"  # MLflow's error code
MAX_LENGTH = 500  # characters of a message; a server controls the length of its own
CLIENT_ERROR = re.compile(r"(?:error code |^)(4\d\d) (?:!= |Client Error)")  # messages of MLflow and of requests
REPLACEMENTS = {  # our message by a part of MLflow's
    "error code 404 != 200. Response body: '<": "the server does not support this request: an old MLflow, or no MLflow",
    "Invalid Host header": "the server refuses this host name: add it to --allowed-hosts of `mlflow server`",
    "The filesystem tracking backend": "MLFLOW_TRACKING_URI: must begin with http://, https:// or sqlite:///",
}
CERTIFICATE = "set MLFLOW_TRACKING_SERVER_CERT_PATH to the file of the CA certificate"
HINTS = {  # hint by a part of a library's message; appended to the message
    "signed certificate": CERTIFICATE,
    "local issuer certificate": CERTIFICATE,
    "too many 500 error": "the server's owner finds the reason in the server's log",
    "too many 502 error": "a proxy answers, but MLflow behind it does not",
    "WRONG_VERSION_NUMBER": "the server speaks http: MLFLOW_TRACKING_URI must begin with http://",
    "timed out": "MLFLOW_HTTP_REQUEST_TIMEOUT sets the timeout of a request in seconds",
    "Connection refused": "no server listens there: is the address right, and is the server running?",
    "' to be installed": "`make setup TEAM=1` installs it",  # DVC's, as the next one
    "expected 'url'": ".dvc/config.local has keys of a remote without its url: add the url there",
}
QUERY_VALUES = re.compile(r"([?&;][^\s=?&;#]+=)[^\s&;#'\")]*")  # the values in an address's query


class Refused(Unavailable):
    """An error: the store refuses the login, or a request for which the user lacks permission."""


def status_of(reason: object) -> str:
    """Return the HTTP status from 400 to 499 that the exception or message names, or "". It is 403 for DENIED."""
    if getattr(reason, "error_code", "") == DENIED:
        return "403"
    return match[1] if (match := CLIENT_ERROR.search(str(reason)[: 10 * MAX_LENGTH].strip())) else ""


def first_line(reason: object, about: str = "") -> str:
    """Return the first line of an exception or message, with credentials masked, and a hint if there is one.

    Credentials are masked, because MLflow's messages contain the whole address of the store. For a failed request,
    MLflow repeats the messages of all libraries involved; only the innermost message is returned. Some messages are
    replaced by clearer ones: see REPLACEMENTS. The line has at most MAX_LENGTH characters.

    about  the object of the request, which a message about a missing permission names
    """
    causes, text = [reason], str(reason)[: 10 * MAX_LENGTH].strip()
    while cause := getattr(causes[-1], "__cause__", None) or getattr(causes[-1], "__context__", None):
        causes.append(cause)
    if any(isinstance(cause, MemoryError) for cause in causes):
        return "the store's answer exceeds the memory limit"
    code = status_of(reason)
    if replacement := next((line for part, line in REPLACEMENTS.items() if part in text), ""):
        return replacement
    if code == "401":
        return _login_hint()
    if code == "403":
        return not_permitted(about or "the server")
    if code == "413":
        return "a request is too large for the server, or a proxy before it: raise its limit (client_max_body_size)"
    request, failed, _ = text.partition(" failed with exception ")
    if failed and len(causes) > 1:
        text = f"{request}: {getattr(causes[-1], 'strerror', None) or causes[-1]}"
    line = next(iter(text.splitlines()), type(reason).__name__ if isinstance(reason, Exception) else "no reason given")
    line = masked(line)
    line = in_line(line + next((f"; {hint}" for part, hint in HINTS.items() if part in line and hint not in line), ""))
    return line if len(line) <= MAX_LENGTH else f"{line[:MAX_LENGTH]}…"


def masked(text: str) -> str:
    """Return the text with `***` for each password, token and login, and for the values in an address's query."""
    for secret in sorted(_secrets(), key=len, reverse=True):
        text = text.replace(secret, "***")
    return QUERY_VALUES.sub(r"\1***", re.sub(r"//[^/\s]*@", "//***@", text))


def _login_hint() -> str:
    """Return a message for a refused login: which variable is missing, or that the server refuses their values."""
    names = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
    if missing := [name for name in names if not os.environ.get(name)]:
        return f"the server requires a login: set {' and '.join(missing)}"
    return f"the server refuses the name or the password in {' and '.join(names)}: ask its owner for a new password"


def not_permitted(what: str) -> str:
    """Return a message for a denied permission on the object `what`, with the user's name if one is set."""
    name = os.environ.get("MLFLOW_TRACKING_USERNAME")
    denied = f"user {in_line(name)[:80]} has no permission" if name else "no permission without a user name"
    return f"{what}: {denied}: ask the server's owner for the permission EDIT"


def _secrets() -> Iterator[str]:
    """Yield the texts to mask: passwords and the token. Values of an address's query are masked by QUERY_VALUES.

    The password in MLFLOW_TRACKING_URI is yielded alone and as `user:password`. Each text is yielded as it is,
    URL-unquoted and URL-quoted.
    """
    address = os.environ.get("MLFLOW_TRACKING_URI", "")
    login = address.partition(":")[2].lstrip("/").rpartition("@")[0]
    password, token = (os.environ.get(f"MLFLOW_TRACKING_{name}", "") for name in ("PASSWORD", "TOKEN"))
    for secret in (login, login.partition(":")[2], password, token):
        if secret:
            yield from (secret, unquote(secret), quote(secret, safe=""))
