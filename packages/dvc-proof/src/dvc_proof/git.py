"""Run Git to read commits, independently of the user's settings, index and replacement refs."""

import os
import subprocess
import tempfile
from pathlib import Path

# No replacement of commits, no bare repository inside the project, comparison of files by content.
STRICT = ("--no-replace-objects", "-c", "safe.bareRepository=explicit", "-c", "diff.autoRefreshIndex=true")


# Git exports these to its hooks: they name the hook's repository, whatever the folder.
OF_A_REPOSITORY = """GIT_DIR GIT_WORK_TREE GIT_COMMON_DIR GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_PREFIX
GIT_ALTERNATE_OBJECT_DIRECTORIES""".split()  # noqa: SIM905  a list of quoted names is longer


class Refused(Exception):
    """A command of dvc-proof is impossible. The message is one line: the reason and, mostly, a remedy."""


def git_output(
    *arguments: str, folder: Path | None = None, index: str = "", stdin: bytes | None = None, empty: int = 0,
    seconds: float = 600,
) -> bytes:  # fmt: skip
    """Run Git and return its standard output.

    folder   the folder in which Git runs; None: the working folder
    index    path of an index file to use instead of the user's; "": the user's
    stdin    standard input for Git
    empty    an exit code, besides 0, that is no error: Git has found nothing
    seconds  the longest time that Git may take

    Raises Refused at any other exit code (with the first line of Git's message), if a name after `--end-of-options`
    is ambiguous, if Git cannot be started, and if Git takes longer than `seconds`.
    """
    dropped = OF_A_REPOSITORY if folder else ()
    kept = {name: value for name, value in os.environ.items() if name not in dropped} | {"LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", *STRICT, *arguments], cwd=folder, input=stdin, capture_output=True, check=False,
            timeout=seconds, env=kept | ({"GIT_INDEX_FILE": index} if index else {}),
        )  # fmt: skip
    except OSError as error:  # Git is missing, or the system refuses another process
        raise Refused(f"git cannot be started: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise Refused(f"git: no answer within {seconds} s") from None
    complaint = done.stderr.decode(errors="replace").strip()
    # If a branch and a tag have the same name, Git only warns and uses the tag.
    if done.returncode not in {0, empty} or ("--end-of-options" in arguments and " is ambiguous" in complaint):
        raise Refused(f"git: {(complaint.splitlines() or [f'exit {done.returncode}'])[0]}")
    return done.stdout


def git(*arguments: str, folder: Path | None = None, index: str = "", empty: int = 0) -> str:
    """Run Git and return its output as text, without trailing newlines. Raises Refused as `git_output` does."""
    return git_output(*arguments, folder=folder, index=index, empty=empty).decode(errors="replace").rstrip("\n")


def uncommitted() -> bool:
    """Return whether files of HEAD differ from those in the working tree. Flags in the user's index are ignored.

    Raises Refused as `git_output` does.
    """
    with tempfile.TemporaryDirectory() as folder:
        git("read-tree", "HEAD", index=f"{folder}/index")
        return bool(git("diff", "--no-ext-diff", "--name-only", "HEAD", "--", index=f"{folder}/index"))
