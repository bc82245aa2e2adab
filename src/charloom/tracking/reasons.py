"""What is said of a store that has failed: one line, without credentials."""

import os
import re
from collections.abc import Iterator
from urllib.parse import quote, unquote

from charloom.base.terminal import in_line

NOT_FOUND = 404  # of HTTP: also the answer to a request that the server does not know
NO_SUCH_REQUEST = "ENDPOINT_NOT_FOUND"  # MLflow's code where a server does not know the request
DENIED = "PERMISSION_DENIED"  # MLflow's own
LONGEST = 500  # characters of a reason: a server can write as much as it likes
TELLING = 6  # characters from which a value of an address is looked for everywhere: shorter ones are in every word
REFUSED = re.compile(r"(?:error code |^)(4\d\d) (?:!= |Client Error)")  # of MLflow, of the library that it asks with
INSTEAD = {  # of what MLflow says
    "error code 404 != 200. Response body: '<": "the server does not know this request: an old MLflow, or none",
    "Invalid Host header": "the server is not asked by this name: it has to be started with it in --allowed-hosts",
    "The filesystem tracking backend": "MLFLOW_TRACKING_URI: has to begin with http://, https:// or sqlite:///",
}
CURES = {  # of what libraries say, at the end of a line
    "CERTIFICATE_VERIFY_FAILED": "MLFLOW_TRACKING_SERVER_CERT_PATH names the file of the certificate that signed it",
    "WRONG_VERSION_NUMBER": "the server speaks http: MLFLOW_TRACKING_URI has to begin so",
    "timed out": "MLFLOW_HTTP_REQUEST_TIMEOUT sets the seconds that a request may take",
    "Connection refused": "nobody answers there: is the address right, and the server started?",
    "Name or service not known": "no machine has that name",
}
SETTINGS = re.compile(r"([?&;][^\s=?&;#]+=)[^\s&;#'\")]*")  # in the query of any address


def first_line(reason: object, about: str = "") -> str:
    """Return the reason's first line, without credentials: MLflow puts a store's whole address into its messages.

    Where a request has failed, MLflow repeats what each library around it says: of these only the innermost is told.
    Where a server refuses what was asked about something, it says what to ask for.
    """
    causes, told = [reason], str(reason)[: 10 * LONGEST].strip()
    while cause := getattr(causes[-1], "__cause__", None) or getattr(causes[-1], "__context__", None):
        causes.append(cause)
    if any(isinstance(each, MemoryError) for each in causes):
        return "its answer takes more memory than a store may have"
    code = found[1] if (found := REFUSED.search(told)) else ""
    if instead := next((said for words, said in INSTEAD.items() if words in told), ""):
        return instead
    if code == "401":
        return _unknown()
    if code == "403" or getattr(reason, "error_code", "") == DENIED:
        return not_permitted(about or "the server")
    if code == "413":
        return "a request is too large for the server, or a proxy before it: its limit has to be raised"
    request, failed, _ = told.partition(" failed with exception ")
    if failed and len(causes) > 1:
        told = f"{request}: {getattr(causes[-1], 'strerror', None) or causes[-1]}"
    first = next(iter(told.splitlines()), type(reason).__name__ if isinstance(reason, Exception) else "no reason given")
    for secret in sorted(_secrets(), key=len, reverse=True):
        first = first.replace(secret, "***")
    first += next((f"; {cure}" for said, cure in CURES.items() if said in first and cure not in first), "")
    first = in_line(SETTINGS.sub(r"\1***", re.sub(r"//[^/\s]*@", "//***@", first)))
    return first if len(first) <= LONGEST else f"{first[:LONGEST]}…"


def _unknown() -> str:
    """Return what helps whom a server does not let in."""
    names = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
    if missing := [name for name in names if not os.environ.get(name)]:
        return f"the server asks who you are: set {' and '.join(missing)}"
    return f"the server refuses the name or the password in {' and '.join(names)}: ask its owner for a new password"


def not_permitted(what: str) -> str:
    """Return who may not do that, and what to ask for."""
    name = os.environ.get("MLFLOW_TRACKING_USERNAME")
    whom = f"{in_line(name)[:80]} is not permitted" if name else "not permitted without a name"
    return f"{what}: {whom}: ask its owner for the permission EDIT"


def _secrets() -> Iterator[str]:
    """Yield what nobody is to see: who asks, with what, and each value in the store's address, however written."""
    address = os.environ.get("MLFLOW_TRACKING_URI", "")
    who = address.partition(":")[2].lstrip("/").rpartition("@")[0]
    values = [value for value in re.findall(r"[?&;][^=&;]+=([^&;#]*)", address) if len(value) >= TELLING]
    password, token = (os.environ.get(f"MLFLOW_TRACKING_{name}", "") for name in ("PASSWORD", "TOKEN"))
    for secret in (who, who.partition(":")[2], *values, password, token):
        if secret:
            yield from (secret, unquote(secret), quote(secret, safe=""))
