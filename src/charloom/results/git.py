"""Provenance of the code, by Git: the commit, the branch, and the uncommitted changes.

If a Git command fails, every function except `known` raises Unavailable with Git's reason.
"""

import io
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dvc_summary.git
from charloom.base.errors import Unavailable, WrongInput
from charloom.settings.pipeline import PIPELINE, root

CODE = ("src", "params.yaml", str(PIPELINE), "requirements.lock")
# Options for a patch that `git apply` accepts; they override the user's Git configuration.
DIFF = ("-c", "color.ui=false", "-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false", "diff", "--no-ext-diff")
UNKNOWN = "unknown: "
NOTHING = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # the empty tree, which exists in every repository


def git(*arguments: str, folder: Path | None = None, index: str = "", empty: int = 0) -> str:
    """Return Git's output, or "" at the exit code `empty`.

    index  the index file that Git uses; if empty, the repository's own
    """
    with _unavailable():
        return dvc_summary.git.git(*arguments, folder=folder, index=index, empty=empty)


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except dvc_summary.git.Refused as refused:
        raise Unavailable(str(refused)) from None


def objects(names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield id and content of each object, read by one Git process. Both are empty if the object does not exist.

    names  names of objects, such as `HEAD:./params.yaml`
    """
    wanted = "".join(f"{name}\n" for name in names).encode()
    with _unavailable():
        printed = io.BytesIO(dvc_summary.git.printed("cat-file", "--batch", given=wanted))
    while line := printed.readline():
        number, *_, size = line.decode().split()
        yield ("", b"") if size == "missing" else (number, printed.read(int(size) + 1)[:-1])


def ensure_repository() -> None:
    """Raise WrongInput if this folder is in no Git repository. DVC needs one, and its own message is less clear."""
    here = Path.cwd()
    if not any((folder / ".git").exists() for folder in (here, *here.parents)):
        raise WrongInput(f"{here}: not a Git repository, as DVC needs one: `git clone` the project, or `git init` here")


def uncommitted(*paths: str) -> bool:
    """Return whether files in HEAD differ in the working tree. Flags in the user's index are ignored.

    paths  the files and folders to compare; none: every file in HEAD
    """
    with tempfile.TemporaryDirectory() as folder:
        git("read-tree", "HEAD", index=f"{folder}/index")
        return bool(git("diff", "--no-ext-diff", "--name-only", "HEAD", "--", *paths, index=f"{folder}/index"))


def known(question: Callable[[], str]) -> str:
    """Return the question's answer; if Git fails, `unknown: ` and the reason. For records that must not fail."""
    try:
        return question()
    except Unavailable as error:
        return f"{UNKNOWN}{error}"


def commit() -> str:
    """Return the commit on which this folder's files are based: HEAD, or in a DVC experiment its baseline commit.

    The result is "" in a repository without a commit.
    """
    return os.environ.get("DVC_EXP_BASELINE_REV") or git("rev-parse", "--verify", "--quiet", "HEAD", empty=1)


def author() -> str:
    """Return the name that Git would record as the author of a commit."""
    return git("var", "GIT_AUTHOR_IDENT").rpartition(" <")[0]


def branch() -> str:
    """Return the main repository's branch, or "" if `commit` is not an ancestor of this branch."""
    here, now = git("branch", "--show-current", folder=root()), commit()
    return here if now and now == git("merge-base", now, "HEAD", folder=root(), empty=1) else ""


def changes(text: str) -> str:
    """Return the changes since `commit` to the code and to the text's file, as a patch that includes new sources.

    Paths are relative to this folder, also if it is below the repository's top: `git apply --directory` adds its path.

    Result files are excluded. Git uses a temporary index, because the user's index may mark files as unchanged.
    """
    since, here = commit() or NOTHING, Path.cwd()
    paths = (*CODE, text) if (here / text).resolve().is_relative_to(here.resolve()) else CODE
    with tempfile.TemporaryDirectory() as folder:
        index = f"{folder}/index"
        git("read-tree", since, index=index)
        tracked = git(*DIFF, "--relative", "--no-textconv", "--binary", since, "--", *paths, index=index)
        new = git("ls-files", "--others", "--exclude-standard", "-z", "--", ":(glob)src/**/*.py", index=index)
    # For a new file, `git diff --no-index` exits with 1, which means that the files differ.
    added = [git(*DIFF, "--no-index", "/dev/null", name, empty=1) for name in new.split("\0") if name]
    return "".join(f"{patch}\n" for patch in (tracked, *added) if patch)
