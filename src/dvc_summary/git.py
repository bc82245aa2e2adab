"""Git, asked for what commits hold, whatever the user's settings, index and replacement refs say."""

import os
import subprocess
from pathlib import Path

SECONDS = 600  # after which the repository is given up
# Commits as everybody gets them, no settings of a bare repository that somebody committed, files compared by content.
STRICT = ("--no-replace-objects", "-c", "safe.bareRepository=explicit", "-c", "diff.autoRefreshIndex=true")


class Refused(Exception):
    """The request cannot be answered; the message is one line that says why, and what would help."""


def printed(
    *arguments: str, folder: Path | None = None, index: str = "", given: bytes | None = None, empty: int = 0
) -> bytes:
    """Return what Git prints. Raises Refused, with Git's reason, at an exit code other than 0 and `empty`.

    index  an index file to use in place of the user's, in which a file may be marked as unchanged
    given  standard input
    """
    try:
        done = subprocess.run(
            ["git", *STRICT, *arguments], cwd=folder, input=given, capture_output=True, check=False, timeout=SECONDS,
            env=os.environ | {"LC_ALL": "C"} | ({"GIT_INDEX_FILE": index} if index else {}),
        )  # fmt: skip
    except OSError as error:  # there is no Git, or no room for another process
        raise Refused(f"git: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise Refused(f"git: no answer within {SECONDS} s") from None
    complaint = done.stderr.decode(errors="replace").strip()
    # For a branch and a tag of one name Git warns, and takes the tag.
    if done.returncode not in {0, empty} or ("--end-of-options" in arguments and " is ambiguous" in complaint):
        raise Refused(f"git: {(complaint.splitlines() or [f'exit {done.returncode}'])[0]}")
    return done.stdout


def git(*arguments: str, folder: Path | None = None, index: str = "", empty: int = 0) -> str:
    """Return what Git prints, as text without the last line end. Raises Refused as `printed` does."""
    return printed(*arguments, folder=folder, index=index, empty=empty).decode(errors="replace").rstrip("\n")
