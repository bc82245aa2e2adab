"""Which code: the commit, the branch, and what was changed since.

A Git command that fails is no empty answer: all but `known` raise Unavailable, with Git's reason, where that happens.
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
# A patch that `git apply` takes, whatever the user's settings are.
DIFF = ("-c", "color.ui=false", "-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false", "diff", "--no-ext-diff")
UNKNOWN = "unknown: "
NOTHING = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # the tree without a file, which every repository knows


def git(*arguments: str, folder: Path | None = None, index: str = "", empty: int = 0) -> str:
    """Return what Git prints, from an index file of its own if there is one; nothing at the exit code `empty`."""
    with _unavailable():
        return dvc_summary.git.git(*arguments, folder=folder, index=index, empty=empty)


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except dvc_summary.git.Refused as refused:
        raise Unavailable(str(refused)) from None


def objects(names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield id and content of each object, named as in `HEAD:./params.yaml`, in one process for all.

    Of one that is not there both are empty.
    """
    wanted = "".join(f"{name}\n" for name in names).encode()
    with _unavailable():
        printed = io.BytesIO(dvc_summary.git.printed("cat-file", "--batch", given=wanted))
    while line := printed.readline():
        number, *_, size = line.decode().split()
        yield ("", b"") if size == "missing" else (number, printed.read(int(size) + 1)[:-1])


def ensure_repository() -> None:
    """Raise WrongInput where this folder is in no Git repository. DVC, which works in one alone, says less."""
    here = Path.cwd()
    if not any((folder / ".git").exists() for folder in (here, *here.parents)):
        raise WrongInput(f"{here}: not a Git repository, as DVC needs one: `git clone` the project, or `git init` here")


def uncommitted(*paths: str) -> bool:
    """Return whether files that HEAD has, these or all, are other ones here, whatever the user's index says of them."""
    with tempfile.TemporaryDirectory() as folder:
        git("read-tree", "HEAD", index=f"{folder}/index")
        return bool(git("diff", "--no-ext-diff", "--name-only", "HEAD", "--", *paths, index=f"{folder}/index"))


def known(question: Callable[[], str]) -> str:
    """Return Git's answer, or `unknown: ` and why there is none, for a record that must not fail."""
    try:
        return question()
    except Unavailable as error:
        return f"{UNKNOWN}{error}"


def commit() -> str:
    """Return the commit that this folder's files started from; of an experiment, its baseline; "" before the first."""
    return os.environ.get("DVC_EXP_BASELINE_REV") or git("rev-parse", "--verify", "--quiet", "HEAD", empty=1)


def author() -> str:
    """Return the name of who would be a commit's author here."""
    return git("var", "GIT_AUTHOR_IDENT").rpartition(" <")[0]


def branch() -> str:
    """Return the main repository's branch, or an empty text where it is not one that `commit` lies on."""
    here, now = git("branch", "--show-current", folder=root()), commit()
    return here if now and now == git("merge-base", now, "HEAD", folder=root(), empty=1) else ""


def changes(text: str) -> str:
    """Return the changes to the code and to the text's file since `commit` as a patch, new sources included.

    Results are left out. The index is a new one: in the user's own a file may be marked as not to be looked at.
    """
    since, here = commit() or NOTHING, Path.cwd()
    paths = (*CODE, text) if (here / text).resolve().is_relative_to(here.resolve()) else CODE
    with tempfile.TemporaryDirectory() as folder:
        index = f"{folder}/index"
        git("read-tree", since, index=index)
        tracked = git(*DIFF, "--no-textconv", "--binary", since, "--", *paths, index=index)
        new = git("ls-files", "--others", "--exclude-standard", "-z", "--", ":(glob)src/**/*.py", index=index)
    # Of a file that is new git says by exit code 1 that there is a difference.
    added = [git(*DIFF, "--no-index", "/dev/null", name, empty=1) for name in new.split("\0") if name]
    return "".join(f"{patch}\n" for patch in (tracked, *added) if patch)
