"""The exceptions for expected failures. Commands print the message in one line, without traceback, and exit with the
exception's exit code.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class CharloomError(Exception):
    """The base class of expected failures. A message is one line: the file or key, its value, and what is allowed."""

    exit_code: int


class CheckFailed(CharloomError):
    """A check failed: the gradient check or a verification."""

    exit_code = 1


class WrongInput(CharloomError):
    """A param, a text or an option has an invalid value, or a file that the user named cannot be read."""

    exit_code = 2


class Damaged(CharloomError):
    """A file's content is not what the program wrote: it is corrupt, or somebody edited it."""

    exit_code = 3


class Diverged(CharloomError):
    """Training produced NaN or infinity. `state` is the last training state with finite numbers, None if unknown."""

    exit_code = 4

    def __init__(self, message: str, state: Any = None):
        """Store the message and the training state."""
        super().__init__(message)
        self.state = state


class Unavailable(CharloomError):
    """A resource is not available: a lock, memory, disk space, or a server."""

    exit_code = 5


class Undecided(CharloomError):
    """`charloom compare --require`: a setting has too few seeds to decide whether it meets the requirement."""

    exit_code = 6


def allowed_are(names: Iterable[str], value: str) -> str:
    """Return the end of a message: `allowed are a, b`, and `did you mean a?` if the name a is similar to `value`."""
    allowed = list(names)
    near = get_close_matches(value, allowed, n=1)
    return f"allowed are {', '.join(allowed)}" + (f"; did you mean {near[0]}?" if near else "")
