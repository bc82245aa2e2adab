"""A process of its own for whatever asks a store something: no store can hold us up, or fill memory or disk.

A store may answer a byte a second, or without end, or with what fills the memory once it is unpacked. So this process
may do nothing for so many seconds, from when MLflow is imported, the wait for the store's lock included, and take ten
times as many in all; what is sent piece by piece may take long where a server is slow. And it has a limit of the
address space, beside what the imports map: 0.6 GB, of which 0.2 are in memory. macOS knows that limit and does not
keep it.

python -m charloom.tracking.apart SECONDS MODULE.FUNCTION    (its arguments come by standard input, as JSON)
"""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote, unquote

import psutil

from charloom.base.errors import Damaged, Unavailable, WrongInput
from charloom.base.terminal import in_line
from charloom.settings.entry import run_command
from charloom.tracking.address import follow_folder

SOURCES = Path(__file__).parents[2]
MEMORY = 768 * 2**20  # bytes, beside what the imports map
RAISED = {error.exit_code: error for error in (WrongInput, Damaged)}

# What is said of a store that has failed: one line, without credentials.
DENIED = "PERMISSION_DENIED"  # MLflow's own
LONGEST = 500  # characters of a reason: a server can write as much as it likes
TELLING = 6  # characters from which a value of an address is looked for everywhere: shorter ones are in every word
REFUSED = re.compile(r"(?:error code |^)(4\d\d) (?:!= |Client Error)")  # of MLflow, of the library that it asks with
INSTEAD = {  # of what MLflow says
    "Invalid Host header": "the server is not asked by this name: it has to be started with it in --allowed-hosts",
    "The filesystem tracking backend": "MLFLOW_TRACKING_URI: has to begin with http://, https:// or sqlite:///",
}
CURES = {  # of what libraries say, at the end of a line
    "CERTIFICATE_VERIFY_FAILED": "MLFLOW_TRACKING_SERVER_CERT_PATH names the file of the certificate that signed it",
    "WRONG_VERSION_NUMBER": "the server speaks http: MLFLOW_TRACKING_URI has to begin so",
    "Connection refused": "nobody answers there: is the address right, and the server started?",
    "Name or service not known": "no machine has that name",
}
SETTINGS = re.compile(r"([?&;][^\s=?&;#]+=)[^\s&;#'\")]*")  # in the query of any address

WHOLE = 10  # times the seconds of silence
UNLIMITED = 600  # seconds: for others, the life of a process that has no such limit; a follower has an alarm
LIMIT = SimpleNamespace(seconds=0, end=0.0)  # of this process: of silence, and when all has to be over
Call = Callable[..., str]


@contextmanager
def begun(function: str, seconds: int, *, answers: bool = False) -> Iterator[Call]:
    """Begin a process of its own for a function of this room, `completion.send` say; give what calls it there.

    MLflow's import takes seconds: what the caller does before the call costs no time. The call returns what the
    function prints if it `answers`, and raises what it raises: WrongInput, Damaged or Unavailable; Unavailable too
    where the process ends in another way.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, str(seconds), function],
        # Each thread that MLflow starts would map 64 MB for small objects of its own.
        env={"MALLOC_ARENA_MAX": "2"} | os.environ | {"PYTHONPATH": str(SOURCES)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE if answers else None, stderr=subprocess.PIPE,
        text=True, errors="replace",
    )  # fmt: skip

    def call(*arguments: str) -> str:
        follow_folder()  # here, so that its line is heard
        printed, said = process.communicate(json.dumps(arguments))
        repeat_warnings(said)
        if process.returncode == -signal.SIGALRM:
            raise Unavailable(overdue(seconds))
        if process.returncode:
            last = (said.strip().splitlines() or [f"exit {process.returncode}"])[-1]
            raise RAISED.get(process.returncode, Unavailable)(first_line(last))
        return printed or ""

    try:
        yield call
    finally:
        if process.poll() is None:  # the caller has thought better of it
            process.kill()
            process.communicate()


def apart(function: str, *arguments: str, seconds: int, answers: bool = False) -> str:
    """Call the function in a process of its own, as `begun` says."""
    with begun(function, seconds, answers=answers) as call:
        return call(*arguments)


def repeat_warnings(said: str) -> None:
    """Let be heard here what we warn of there, a damaged log say; MLflow's own lines are not."""
    sys.stderr.writelines(line for line in said.splitlines(keepends=True) if line.startswith("warning: "))


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


def overdue(seconds: int) -> str:
    """Return why the system has ended what may do nothing for these seconds."""
    return f"nothing went on for {seconds} s, or it was not done within {WHOLE * seconds} s"


def limit_time(seconds: int) -> None:
    """Let the system end this process where nothing goes on for so many seconds; see the module."""
    LIMIT.seconds, LIMIT.end = seconds, time.monotonic() + WHOLE * seconds
    signal.alarm(seconds)


def went_on() -> None:
    """Say that one of the pieces is sent, of which we know the number."""
    if LIMIT.seconds:
        signal.setitimer(signal.ITIMER_REAL, max(0.01, min(LIMIT.seconds, LIMIT.end - time.monotonic())))


def seconds_left() -> float:
    """Return how long this process may live at most; of one without a limit of ours, which others have a limit for."""
    return LIMIT.end - time.monotonic() if LIMIT.seconds else UNLIMITED


def limit_memory() -> None:
    """Let this process map so much more than MLflow needs, and no more: then a MemoryError is raised."""
    import_module("charloom.tracking.completion")
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = psutil.Process().memory_info().vms + MEMORY
    if soft == resource.RLIM_INFINITY or most < soft:
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _here(seconds: str, function: str) -> None:
    """Call the function here, within the limits, once its arguments have come."""
    limit_memory()
    if not (given := sys.stdin.read()):
        return  # whoever began this is gone
    limit_time(int(seconds))
    module, _, name = function.partition(".")
    getattr(import_module(f"charloom.tracking.{module}"), name)(*json.loads(given))


if __name__ == "__main__":
    run_command(lambda: _here(*sys.argv[1:]), os._exit)  # at once: to tidy up MLflow takes most of a second
