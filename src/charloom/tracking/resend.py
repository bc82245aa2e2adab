"""Sending to MLflow what it has missed: this folder's run, every experiment of DVC's, and what was noted as pending."""

import os
import re
import subprocess
import sys
import tempfile
from contextlib import chdir, suppress
from pathlib import Path

from charloom.base.errors import CharloomError, Unavailable
from charloom.base.terminal import visible
from charloom.results.git import git
from charloom.settings.experiment import fingerprint
from charloom.settings.params import read_params
from charloom.settings.pipeline import root
from charloom.tracking import pending
from charloom.tracking.store import Store, asked

PATIENCE = "60"  # seconds that a store may be silent when somebody waits for it
EXPERIMENT = re.compile(r"refs/exps/([0-9a-f]{2})/([0-9a-f]{38})/(.+)")
BEFORE = ("prepare", "gradcheck", "train", "sample", "plot")  # what `track` tells of


def resend() -> None:
    """Send them, a line for each. Raises Unavailable where the store has not got all of it then."""
    complete = asked(Store.complete)
    if subprocess.run(["dvc", "status", "--quiet", *BEFORE], check=False).returncode == 0:
        sent = _track(root(), {}, "this folder")
        complete.add(fingerprint(read_params(), Path("src")))
    else:
        print(
            "this folder: nothing sent: its results are not those of its settings and sources; `dvc repro` makes them"
        )
        sent = True
    found = [(match, line.split()[0]) for line in git("show-ref").splitlines() if (match := EXPERIMENT.search(line))]
    for match, commit in found:
        first, rest, name = match.groups()
        sent &= _restored(commit, {"DVC_EXP_NAME": name, "DVC_EXP_BASELINE_REV": first + rest}, complete)
    names = {match[3] for match, _ in found}
    for each, note in pending.waiting().items():
        forget = f"`rm {pending.path(each)}` forgets it"
        if note.experiment and note.experiment not in names:
            print(f"experiment {note.experiment}: not in Git: still at work, or removed: {forget}")
        elif note.commit and not _restored(note.commit, {"DVC_EXP_BASELINE_REV": note.baseline}, complete, each):
            print(f"commit {note.commit[:7]}: {forget}")
    if pending.waiting() or not sent:
        raise Unavailable("MLflow has not got all of it; `make track` tries again")


def _restored(commit: str, variables: dict[str, str], complete: set[str], expected: str = "") -> bool:
    """Send a run whose files are in Git and in DVC's cache, unless MLflow has it; return whether that went well."""
    what = f"experiment {variables['DVC_EXP_NAME']}" if "DVC_EXP_NAME" in variables else f"commit {commit[:7]}"
    with tempfile.TemporaryDirectory(prefix="charloom-track-") as temporary:
        folder = Path(temporary) / "clone"
        git("clone", "--quiet", "--shared", "--no-checkout", str(root()), str(folder))
        git("checkout", "--quiet", "--detach", commit, folder=folder)
        name = _fingerprint(folder)
        if name in complete and name not in pending.waiting():
            return True
        if not (folder / ".dvc").is_dir():
            print(f"{what}: Git cannot restore it")
            return False
        cache = subprocess.run(["dvc", "cache", "dir"], capture_output=True, text=True, check=False).stdout.strip()
        (folder / ".dvc/config.local").write_text(f"[cache]\n    dir = {cache}\n", encoding="utf-8")
        subprocess.run(["dvc", "checkout", "--quiet"], cwd=folder, capture_output=True, check=False)
        name = name or _fingerprint(folder)  # its text may be in DVC's cache
        if expected and name != expected:
            print(f"{what}: Git has not all of its files")
            return False
        sent = _track(folder, variables, what)
    if name and sent:
        complete.add(name)
    return sent


def _fingerprint(folder: Path) -> str:
    """Return the fingerprint of what the folder holds, or an empty text where its files are missing or older."""
    with chdir(folder), suppress(CharloomError, OSError):
        return fingerprint(read_params(), Path("src"))
    return ""


def _track(folder: Path, variables: dict[str, str], what: str) -> bool:
    """Run the `track` that the folder holds, for the main repository; print its last line, return whether it went."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DVC_")}
    done = subprocess.run(
        [sys.executable, "src/track.py", PATIENCE], cwd=folder, env=environment | variables | {"DVC_ROOT": str(root())},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    print(f"{what}: {visible((done.stdout.strip().splitlines() or [f'exit {done.returncode}'])[-1])}", flush=True)
    return done.returncode == 0
