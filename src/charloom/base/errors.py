"""What can go wrong, drawn once. Each is one line for the user and an exit code; none is a traceback."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class CharloomError(Exception):
    """The root. Its message is one line that names the file or key, the value and what is allowed."""

    exit_code: int


class CheckFailed(CharloomError):
    """A check said no: the gradient, a verification."""

    exit_code = 1


class WrongInput(CharloomError):
    """A parameter, a text or an option is not what it has to be."""

    exit_code = 2


class Damaged(CharloomError):
    """A file is not what was written."""

    exit_code = 3


class Diverged(CharloomError):
    """Training met a number that is not finite. `state` is the last one before it, where there is one."""

    exit_code = 4

    def __init__(self, message: str, state: Any = None):
        """Take both."""
        super().__init__(message)
        self.state = state


class Unavailable(CharloomError):
    """Another process holds it, or memory or disk are missing."""

    exit_code = 5


class Undecided(CharloomError):
    """What was required of a comparison cannot be told yet."""

    exit_code = 6


def allowed_are(names: Iterable[str], given: str) -> str:
    """Return what may stand in place of a name that is unknown, and the name that was perhaps meant."""
    known = list(names)
    near = get_close_matches(given, known, n=1)
    return f"allowed are {', '.join(known)}" + (f"; did you mean {near[0]}?" if near else "")
