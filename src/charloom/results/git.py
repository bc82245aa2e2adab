"""Provenance of the code, by Git: the branch, and the uncommitted changes.

If a Git command fails, every function raises Unavailable with Git's reason.
"""

import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from charloom.core.base.git import commit, git, git_output
from charloom.core.config.pipeline import PIPELINE, root

CODE = ("src", "params.yaml", str(PIPELINE), "requirements.lock")
# For a patch that `git apply` accepts; the options override the user's Git configuration.
DIFF = ("diff", "--no-color", "--src-prefix=a/", "--dst-prefix=b/", "--no-ext-diff", "--no-textconv", "--binary")
# Addresses of a remote repository: scheme and path, or host and path.
WEB = re.compile(r"(https?://)(?:[^/@]*@)?([^/@]+/.+?)(?:\.git)?/?")
SSH = re.compile(r"(?:ssh://)?[^/@:]+@([^/@:]+)(?::\d+(?=/))?[:/]/*(.+?)(?:\.git)?/?")
NOTHING = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # the empty tree, which exists in every repository


def objects(names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the id and the content of each Git object, in the order of `names`, read by one Git process.

    names  names of objects, such as `HEAD:./params.yaml`

    If an object does not exist, its id and content are empty.
    """
    wanted = "".join(f"{name}\n" for name in names).encode()
    output = io.BytesIO(git_output("cat-file", "--batch", stdin=wanted))
    while line := output.readline():
        number, *_, size = line.decode().split()
        yield ("", b"") if size == "missing" else (number, output.read(int(size) + 1)[:-1])


def author() -> str:
    """Return the name that Git would record as the author of a commit."""
    return git("var", "GIT_AUTHOR_IDENT").rpartition(" <")[0]


def branch() -> str:
    """Return the branch of the main repository; "" if HEAD is detached, or if the branch lacks provenance.commit()."""
    name, base = git("branch", "--show-current", folder=root()), commit()
    return name if base and base == git("merge-base", base, "HEAD", folder=root(), empty=1) else ""


def remote_url() -> str:
    """Return the web address of the remote repository `origin`, without a login; "" if it is unknown or a folder."""
    url = git("config", "--get", "remote.origin.url", folder=root(), empty=1)
    if match := WEB.fullmatch(url):
        return f"{match[1]}{match[2]}"
    return f"https://{match[1]}/{match[2]}" if (match := SSH.fullmatch(url)) else ""


def uncommitted_patch(text: str) -> str:
    """Return the uncommitted changes of CODE and of the text file, as a patch against provenance.commit().

    text  path of the text file; a file outside this folder is left out

    The patch includes new files of CODE, unless Git ignores them, and no result files. Paths in the patch are relative
    to this folder. If this folder is below the repository's top, `git apply --directory` adds the path to it. Bytes
    that are not UTF-8 are surrogates (the error handler `surrogateescape`). Returns "" if nothing has changed.
    """
    base, folder = commit() or NOTHING, Path.cwd()
    paths = (*CODE, text) if (folder / text).resolve().is_relative_to(folder.resolve()) else CODE
    patch = git_output(*DIFF, "--relative", base, "--", *paths)
    for name in git("ls-files", "--others", "--exclude-standard", "-z", "--", *CODE).split("\0"):
        if name:  # `git diff --no-index` exits with 1, which means that the files differ
            patch += git_output(*DIFF, "--no-index", "/dev/null", name, empty=1)
    return patch.decode(errors="surrogateescape")
