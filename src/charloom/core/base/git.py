"""Run Git to read commits, independently of the user's settings and replacement refs."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from charloom.core.base.errors import Unavailable

# No replacement of commits, no bare repository inside the project, comparison of files by content.
STRICT = ("--no-replace-objects", "-c", "safe.bareRepository=explicit", "-c", "diff.autoRefreshIndex=true")

UNKNOWN = "unknown: "  # begins the result of `or_unknown` if Git fails

# Variables that Git sets for its hooks. With them Git uses the hook's repository instead of that of the working folder.
OF_A_REPOSITORY = """GIT_DIR GIT_WORK_TREE GIT_COMMON_DIR GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_PREFIX
GIT_ALTERNATE_OBJECT_DIRECTORIES""".split()  # noqa: SIM905  a list of quoted names is longer


def git_output(
    *arguments: str, folder: Path | None = None, stdin: bytes | None = None, empty: int = 0, seconds: float = 600
) -> bytes:  # fmt: skip
    """Run Git and return its standard output.

    folder  the folder in which Git runs; None: the working folder
    stdin   standard input for Git; None: that of this process
    empty   an exit code that is no error, in addition to 0; some commands exit with 1 if they find nothing
    seconds  timeout for Git

    Raises Unavailable if Git exits with another code (with the first line of Git's message), takes longer than
    `seconds`, or cannot be started. Raises Unavailable also if a name after `--end-of-options` is ambiguous.
    """
    dropped = OF_A_REPOSITORY if folder else ()
    environment = {name: value for name, value in os.environ.items() if name not in dropped} | {"LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", *STRICT, *arguments], cwd=folder, input=stdin, capture_output=True, check=False,
            timeout=seconds, env=environment,
        )  # fmt: skip
    except OSError as error:  # Git is missing, or the system refuses another process
        raise Unavailable(f"git cannot be started: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise Unavailable(f"git: no answer within {seconds} s; repeat the command") from None
    complaint = done.stderr.decode(errors="replace").strip()
    # If a branch and a tag have the same name, Git only warns and uses the tag.
    if done.returncode not in {0, empty} or ("--end-of-options" in arguments and " is ambiguous" in complaint):
        raise Unavailable(f"git: {(complaint.splitlines() or [f'exit {done.returncode}'])[0]}")
    return done.stdout


def git(*arguments: str, folder: Path | None = None, empty: int = 0) -> str:
    """Run Git and return its output as text, without trailing newlines. Raises Unavailable as `git_output` does."""
    return git_output(*arguments, folder=folder, empty=empty).decode(errors="replace").rstrip("\n")


def commit() -> str:
    """Return the commit on which this folder's files are based: HEAD, or a DVC experiment's baseline commit.

    Returns "" in a repository without a commit. Raises Unavailable if Git fails.
    """
    return os.environ.get("DVC_EXP_BASELINE_REV") or git("rev-parse", "--verify", "--quiet", "HEAD", empty=1)


def or_unknown(question: Callable[[], str]) -> str:
    """Call `question` and return its result. If it raises Unavailable, return `unknown: ` and the reason.

    This is for records that must be written even if Git fails.
    """
    try:
        return question()
    except Unavailable as error:
        return f"{UNKNOWN}{error}"
