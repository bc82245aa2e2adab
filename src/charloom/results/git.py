"""Which code: the commit, the branch, and what was changed since."""

import os
import subprocess
from pathlib import Path

from charloom.settings.pipeline import PIPELINE, root

CODE = ("src", "params.yaml", str(PIPELINE), "requirements.lock")
# A patch that `git apply` takes, whatever the user's settings are.
DIFF = ("-c", "color.ui=false", "-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false", "diff", "--no-ext-diff")


def git(*arguments: str, folder: Path | None = None) -> str:
    """Return what git prints, or an empty text where it fails."""
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False)
    return done.stdout.decode(errors="replace").rstrip("\n") if done.returncode == 0 else ""


def commit() -> str:
    """Return the commit that this folder's files started from; of an experiment, its baseline."""
    return os.environ.get("DVC_EXP_BASELINE_REV") or git("rev-parse", "HEAD")


def branch() -> str:
    """Return the main repository's branch, or an empty text where it is not one that `commit` lies on."""
    here = git("branch", "--show-current", folder=root())
    return here if commit() == git("merge-base", commit(), "HEAD", folder=root()) else ""


def changes() -> str:
    """Return the changes to the code since `commit` as a patch, new sources included; results are left out."""
    tracked = git(*DIFF, "--no-textconv", "--binary", commit(), "--", *CODE)
    new = git("ls-files", "--others", "--exclude-standard", "-z", "--", ":(glob)src/**/*.py").split("\0")
    patches = [tracked, *(_added(name) for name in new if name)]
    return "".join(f"{patch}\n" for patch in patches if patch)


def _added(name: str) -> str:
    """Return the patch that makes the file; git says by exit code 1 that there is one."""
    made = subprocess.run(["git", *DIFF, "--no-index", "/dev/null", name], capture_output=True, check=False)
    return made.stdout.decode(errors="replace").rstrip("\n")
