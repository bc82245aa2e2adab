"""A temporary folder is removed with its process: at its end, or, after a kill, by the next process."""

import subprocess
import sys

import pytest

from dvc_proof.temporary import temporary_folder

HOLDER = """
from dvc_proof.temporary import temporary_folder
with temporary_folder("charloom-x-") as folder:
    (folder / "clone").mkdir()
    print(folder, flush=True)
    input()
"""


@pytest.fixture(autouse=True)
def temporary(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


def holder() -> tuple[subprocess.Popen[str], str]:
    """Return a process that holds a temporary folder, and the folder's name."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER], text=True, stdin=-1, stdout=-1)
    return process, process.stdout.readline().strip().rpartition("/")[2]


def test_the_next_folder_replaces_those_of_killed_processes_alone(temporary):
    (killed, of_killed), (other, of_other), (keeping, kept) = [holder() for _ in range(3)]
    (temporary / kept).rename(temporary / "charloom-x-kept")
    (temporary / "charloom-y-other.work").mkdir()
    for process in (killed, keeping):
        process.kill()
        process.communicate()
    assert (temporary / of_killed / "clone").is_dir()
    with temporary_folder("charloom-x-") as folder:
        names = {path.name for path in temporary.iterdir()}
        assert names == {folder.name, of_other, "charloom-x-kept", "charloom-y-other.work"}
    other.communicate("\n")
    assert {path.name for path in temporary.iterdir()} == {"charloom-x-kept", "charloom-y-other.work"}


def test_an_exception_in_the_block_is_raised_and_the_folder_removed(temporary):
    with pytest.raises(FileNotFoundError), temporary_folder("charloom-x-"):
        raise FileNotFoundError
    assert not [*temporary.iterdir()]
