"""An entry waits in the outbox as it was put there until MLflow has it, or a line names its folder."""

import re
import shutil
import sys
from contextlib import chdir
from pathlib import Path

import pytest
from mlflow_project import holds_what_the_files_hold, this_run, tracked, waiting
from projects import copied
from stores import free_port

from charloom.core.base.errors import CheckFailed, Damaged, Unavailable
from charloom.tracking import outbox
from charloom.tracking.collect import put_run
from charloom.tracking.delivery import deliver
from charloom.tracking.sending import send_all


@pytest.fixture(scope="module")
def put_once(finished, tmp_path_factory) -> Path:
    """Return the folder of an entry."""
    project = copied(finished, tmp_path_factory.mktemp("outbox") / "project")
    with chdir(project.folder):
        return put_run(this_run())


@pytest.fixture
def entry(put_once, tmp_path, monkeypatch) -> Path:
    """Return the folder of an entry in the outbox of the working folder."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(put_once, outbox.place() / put_once.name))


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


DAMAGE = {
    "a bit": flip,
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
    "gone": Path.unlink,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_an_entry_with_a_damaged_file_is_named_and_kept(entry, damage):
    file = entry / "files/models/last.npz"
    DAMAGE[damage](file)
    with pytest.raises(Unavailable, match=re.escape(f"{file}: damaged or missing")):
        send_all(None)
    assert entry.exists()


def test_a_damaged_manifest_is_named_and_kept(entry):
    (entry / "manifest.json").write_text("{")
    with pytest.raises(Unavailable, match=re.escape(str(entry / "manifest.json"))):
        send_all(None)
    assert entry.exists()


@pytest.mark.slow
def test_a_damaged_entry_stops_no_other(project):
    with chdir(project.folder):
        folder = put_run(this_run())
        for name in ("0-1", "z-1"):  # before it and after it
            shutil.copytree(folder, damaged := folder.with_name(name))
            flip(damaged / "files/models/last.npz")
        with pytest.raises(Unavailable, match=r"0-1.*damaged or missing.*z-1.*damaged or missing"):
            send_all(None)
    assert waiting(project) == ["0-1", "z-1"]
    (run,) = project.runs()
    holds_what_the_files_hold(project, project.client(), run)


def test_of_entries_with_one_id_only_the_newest_waits(entry):
    older = Path(shutil.copytree(entry, entry.with_name(f"{entry.name.rpartition('-')[0]}-1")))
    other = Path(shutil.copytree(entry, entry.with_name("other-1")))
    assert set(outbox.waiting()) == {entry, other}
    assert outbox.waiting(other)[0] == other
    assert not older.exists()


def test_remains_of_killed_processes_are_no_entries(entry):
    entry.rename(entry.with_name(".killed.new"))
    entry.with_name("killed-1").mkdir()  # while it was removed
    assert outbox.waiting() == []


def test_a_failed_check_leaves_no_entry(project):
    def fails() -> None:
        raise CheckFailed("dvc.lock differs")

    with chdir(project.folder), pytest.raises(CheckFailed):
        put_run(this_run(), fails)
    assert not waiting(project)


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("http://ann:a[b@127.0.0.1", "is not an address"),
        ("http://127.0.0.1:{port}", "Connection refused"),
        ("sqlite:////dev/null/mlflow.db", "must be able to write there"),
    ],
)
def test_a_run_waits_for_a_store_that_cannot_be_used_and_one_warning_says_why(
    project, monkeypatch, capsys, uri, reason
):
    results = project.contents()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri.format(port=free_port()))
    with chdir(project.folder):
        deliver(lambda: put_run(this_run()), "make track")
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line
    assert line.startswith("warning: MLflow was not updated (")
    assert line.endswith("; `make track` retries")
    assert len(waiting(project)) == 1
    assert project.contents() == results
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    tracked(project)
    (run,) = project.runs()
    holds_what_the_files_hold(project, project.client(), run)
    assert not waiting(project)


def test_an_installation_of_mlflow_that_is_broken_is_one_warning(project, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "charloom.tracking.sending", raising=False)
    monkeypatch.setitem(sys.modules, "mlflow.entities", None)
    with chdir(project.folder):
        deliver(lambda: put_run(this_run()), "make track")
    assert capsys.readouterr().err.startswith("warning: MLflow was not updated (import of mlflow.entities")
    assert len(waiting(project)) == 1


def test_a_damaged_result_is_no_warning(project):
    (project.folder / "metrics/sample.json").write_text("{")
    with chdir(project.folder), pytest.raises(Damaged, match=r"metrics/sample\.json"):
        deliver(lambda: put_run(this_run()), "make track")
    assert not waiting(project)


def test_an_outbox_that_cannot_be_written_is_one_warning(project, capsys):
    shutil.rmtree(project.folder / ".charloom/outbox", ignore_errors=True)
    (project.folder / ".charloom/outbox").write_text("a file where a folder belongs")
    with chdir(project.folder):
        deliver(lambda: put_run(this_run()), "make track")
    assert capsys.readouterr().err.count("warning: MLflow was not updated (") == 1
