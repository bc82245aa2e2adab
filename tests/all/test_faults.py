"""A disk that is full or broken, a plug that is pulled: nothing that was whole before is lost."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from projects import ROOT
from states import EPOCH, SETTINGS, START, after, flat
from temporary import not_random, temporary

from charloom.core.training import resume
from charloom.core.training.trace import EMPTY

SAVER = """
import sys
from pathlib import Path
from states import SETTINGS, START, after
from charloom.core.runtime.program import run_command
from charloom.core.training import resume
from charloom.core.training.trace import EMPTY

def main():
    state, trace = START, EMPTY
    for _ in range(3):
        state, trace = after(2, state, trace)
        resume.save(Path(sys.argv[1]), SETTINGS, state, trace, {})
        print(state.update, flush=True)

run_command(main)
"""
CALLS = ("openat", "write", "fsync", "rename", "unlink")
pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")


def traced(folder: Path, *options: str) -> subprocess.CompletedProcess:
    """Save three states with the calls on the folder traced; `options` may let some fail."""
    names = [f"{update:012}.state" for update in (2, 4, 6)]
    paths = [folder, *(folder / name for name in names), *(temporary(folder / name) for name in names)]
    filters = [argument for path in paths for argument in ("-P", str(path))]
    # Without --seccomp-bpf: under it strace injects errors, but no signals.
    command = ["strace", "-f", "-o", f"{folder}.trace", "-e", f"trace={','.join(CALLS)}", *options, *filters]
    sources = f"{not_random(folder.with_name('not_random'))['PYTHONPATH']}{os.pathsep}{ROOT / 'tests'}"
    return subprocess.run(
        [*command, sys.executable, "-c", SAVER, folder], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": sources},
    )  # fmt: skip


def test_a_save_that_fails_at_any_system_call_keeps_the_previous_state(tmp_path):
    calm = traced(tmp_path / "calm")
    assert calm.returncode == 0
    seen = (tmp_path / "calm.trace").read_text()
    counts = {call: len(re.findall(rf"^\d+ +{call}\(", seen, re.MULTILINE)) for call in CALLS}
    assert counts["rename"] == 3
    assert counts["fsync"] == 6  # of each file, and of its folder
    state, trace, whole = START, EMPTY, {}
    for _ in range(3):
        state, trace = after(2, state, trace)
        whole[state.update] = flat([state, trace])
    for call, count in counts.items():
        for fault in ("error=ENOSPC", "signal=KILL"):
            for when in range(1, count + 1):
                folder = tmp_path / f"{call}-{fault}-{when}"
                done = traced(folder, "-e", f"inject={call}:{fault}:when={when}")
                assert (done.returncode == -signal.SIGKILL) == (fault == "signal=KILL")
                assert done.stderr.count("\n") == (done.returncode == 5)  # a line, or killed, or not harmed
                saved = [int(line) for line in done.stdout.split()]
                found = resume.load(folder, SETTINGS, START, EPOCH)
                if found is None:
                    assert saved == []
                    continue
                state, trace, _ = found
                assert state.update >= max(saved, default=0), folder
                assert flat([state, trace]) == whole[state.update], folder


@pytest.mark.parametrize("call", ["fsync", "rename", "openat"])
def test_a_stage_reports_a_disk_failure_and_the_next_run_has_the_same_bytes(project, call):
    project.set(updates=60, checkpoint_every=25, save_every=20)
    project.clear()
    project.run("python", "src/train.py")
    before = project.contents()
    folders = ["models", "models/checkpoints", "metrics", "plots"]
    files = ["models/last.npz", "models/best.npz", "models/checkpoints/25.npz", "metrics/train.json"]
    names = [*folders, *(str(temporary(Path(file))) for file in files)]
    filters = [argument for name in names for path in (name, project.folder / name) for argument in ("-P", str(path))]
    trace, variables = project.folder.with_name("trace"), not_random(project.folder.with_name("not_random"))
    for when in range(1, 6):
        project.clear()
        printed = project.run(
            "strace", "-qq", "-f", "--seccomp-bpf", "-o", str(trace), "-e", f"trace={call}",
            "-e", f"inject={call}:error=EIO:when={when}", *filters, "python", "src/train.py", expect=None, **variables,
        )  # fmt: skip
        assert "Traceback" not in printed
        struck = "(INJECTED)" in trace.read_text()
        assert struck or when > len(files)  # each is renamed once
        # A folder that cannot be listed may keep temporary files, and one that cannot be synced may lose a rename.
        assert ("Input/output error" in printed) == struck or project.contents() == before
        project.run("python", "src/train.py")
        assert project.contents() == before
