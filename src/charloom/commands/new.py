"""`charloom new`: a copy of the folder template/, a project in Git and DVC that imports nothing of charloom."""

import argparse
import re
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from charloom.core.base.errors import Unavailable, WrongInput
from charloom.core.base.git import git
from charloom.core.base.terminal import for_shell
from charloom.core.base.words import in_line

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = ROOT / "template"


def new(arguments: argparse.Namespace) -> None:
    """Copy the template, and commit the copy. The folder appears when it is complete.

    Raises WrongInput if the folder is not allowed, and Unavailable if Git or the file system fails.
    """
    shown = in_line(arguments.folder)
    try:
        folder = Path(arguments.folder).absolute()
        _ensure_allowed(folder, shown)
        git("var", "GIT_AUTHOR_IDENT")  # fails if Git does not know the user
        address, commit, about = _source()
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", suffix=".new", dir=folder.parent) as temporary:
            place = Path(temporary, "project")
            shutil.copytree(TEMPLATE, place)
            requirements = place / "requirements.txt"
            requirements.write_text(requirements.read_text().replace("ADDRESS", address).replace("COMMIT", commit))
            git("init", "--quiet", folder=place)
            git("clean", "-fdqX", folder=place)  # the results of somebody who ran the template itself
            git("add", ".", folder=place)
            git("commit", "--quiet", "--message", "Start with charloom new", folder=place)
            place.replace(folder)
    except OSError as error:
        raise Unavailable(f"{shown}: {error.strerror}; nothing is written") from None
    print(f"made {shown}; its requirements.txt {about}")
    print(f"next: cd {for_shell(arguments.folder)}, read README.md")


def _ensure_allowed(folder: Path, shown: str) -> None:
    """Raise WrongInput if this folder cannot be a new project."""
    parents = folder.resolve().parents
    around = [parent for parent in parents if (parent / ".git").exists() or (parent / ".dvc/config").exists()]
    for wrong, message in (
        (not TEMPLATE.is_dir(), "this charloom has no folder template/; allowed is `charloom new` of a clone"),
        (not str(folder).isprintable(), "allowed is a path without line breaks and other control characters"),
        (folder.exists() or folder.is_symlink(), "exists already; allowed is a new folder"),
        (not folder.parent.is_dir(), f"{in_line(str(folder.parent))} is no folder; allowed is an existing one"),
        (around, f"lies in the repository {in_line(str(*around[:1]))}; allowed is a folder outside of it"),
    ):
        if wrong:
            raise WrongInput(f"{shown}: {message}")


def _source() -> tuple[str, str, str]:
    """Return charloom's address and commit for requirements.txt, and words for the user about that file.

    Without origin, both stay the words ADDRESS and COMMIT, for the user to fill in. A commit not pushed is COMMIT, too.
    """
    try:
        url, commit = git("config", "remote.origin.url", folder=ROOT), git("rev-parse", "HEAD", folder=ROOT)
    except Unavailable:
        return "ADDRESS", "COMMIT", "needs ADDRESS and COMMIT of charloom: fill them in; this clone has no origin"
    if name := re.fullmatch(r"([^/:]+):(?!//)/?(.+)", url):  # user@host:path
        url = f"ssh://{name[1]}/{name[2]}"
    parts = urlsplit(url if "://" in url else (ROOT / url).resolve().as_uri())
    if parts.scheme == "file":
        parts = parts._replace(netloc="localhost")  # pip before 24.1 refuses an address without a host
    user = f"{parts.username}@" if parts.scheme == "ssh" and parts.username else ""  # no login to anything else
    address = urlunsplit((parts.scheme, user + parts.netloc.rpartition("@")[2], parts.path, "", ""))
    if git("for-each-ref", "--contains", commit, "refs/remotes/origin", folder=ROOT):
        return address, commit, f"installs seedpairs, dvc-proof and rnncheck from {address}"
    return address, "COMMIT", f"needs a COMMIT of {address}: fill it in; {commit[:10]} of this clone is not pushed"
