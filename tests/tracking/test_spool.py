"""What waits in the spool is sent as it was put there, by whoever put it there, or a line names the folder."""

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir
from itertools import count
from pathlib import Path
from threading import Thread

import pytest
from mlflow import MlflowClient
from mlflow_project import a_training, holds_what_the_files_hold, sent, tracked
from projects import copied

from charloom.core.base.errors import Unavailable
from charloom.core.base.storage import append, unsealed
from charloom.core.runtime.provenance import sender_identity
from charloom.core.training.record import spool
from charloom.tracking.collect import put, this_run
from charloom.tracking.delivery import deliver
from charloom.tracking.entries import Entry, entries
from charloom.tracking.rounds import Delivery, run_round


@pytest.fixture(scope="module")
def put_once(finished, tmp_path_factory) -> Path:
    """Return the folder of an entry with files, as `track` leaves it."""
    project = copied(finished, tmp_path_factory.mktemp("spool") / "project")
    with chdir(project.folder):
        return put(this_run())


@pytest.fixture
def waits(put_once, tmp_path, monkeypatch) -> Path:
    """Return the folder of an entry that waits in the spool of the working folder."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(put_once, spool() / "waits"))


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


DAMAGE = {
    "a bit": flip,
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "doubled": lambda file: file.write_bytes(2 * file.read_bytes()),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
    "gone": Path.unlink,
    "another beside it": lambda file: shutil.copy(file, file.with_name("another")),
}


@pytest.mark.parametrize("file", ["SHA256SUMS", "models/last.npz"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_an_entry_of_which_a_file_has_changed_is_named_and_kept(waits, damage, file):
    DAMAGE[damage](waits / "files" / file)
    with pytest.raises(Unavailable, match=re.escape(f"{waits}: not sent, because it was damaged or changed; ")):
        sent()
    assert waits.exists()


def test_every_point_of_a_run_that_waits_counts(waits, capsys):
    record = waits / "run.jsonl"
    content = record.read_bytes()
    points = [line for line in content.splitlines() if line.startswith(b"[")]
    for point in points[:: len(points) // 10]:
        record.write_bytes(content.replace(point, point.replace(b"1", b"2").replace(b"0", b"1")))
        with pytest.raises(Unavailable, match="it was damaged or changed"):
            sent()
    record.write_bytes(content)
    assert Entry(waits).is_intact


@pytest.mark.slow
def test_an_entry_of_an_earlier_version_is_sent(waits):
    """Its start names the process that recorded it, and its sender is of other sources."""
    record = waits / "run.jsonl"
    start, *lines = [unsealed(line) for line in record.read_bytes().split(b"\n") if line]
    record.unlink()
    append(record, [start | {"process": "1234 5678.9 boot", "sender": "0" * 16}, *lines[:-1]], create=True)
    assert [entry.sender for entry in entries()] == ["0" * 16]
    append(record, [{"sender": sender_identity()}])
    sent()
    assert not [*entries()]
    client = MlflowClient(f"sqlite:///{Path.cwd()}/mlflow.db")
    (run,) = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    assert (run.info.status, run.data.tags["charloom.record"]) == ("FINISHED", start["record"])


@pytest.mark.slow
def test_a_damaged_entry_keeps_no_other_from_being_sent(project):
    with chdir(project.folder):
        folder = put(this_run())
        for name in ("0", "z"):  # before it and after it
            shutil.copytree(folder, damaged := folder.with_name(name))
            flip(damaged / "files/models/last.npz")
        with pytest.raises(Unavailable, match=f"{spool()}/0: not sent.*; {spool()}/z: not sent"):
            sent()
        assert {entry.folder.name for entry in entries()} == {"0", "z"}
    (run,) = project.runs()
    holds_what_the_files_hold(project, project.client(), run)


def test_track_repairs_only_the_damaged_files_of_an_outbox_item(finished, tmp_path):
    project = copied(finished, tmp_path / "project")
    with chdir(project.folder):
        folder = put(this_run())
        record, files = folder / "run.jsonl", folder / "files/SHA256SUMS"
        before = record.read_bytes(), files.stat().st_mtime_ns
        points = Entry(folder).points
        assert put(this_run()) == folder
        assert (Entry(folder).points, files.stat().st_mtime_ns) == (points, before[1])
        (folder / "files/models/lowest_smooth_loss.npz").unlink()
        record.write_bytes(before[0].replace(b'["smooth_loss", 300,', b'["smooth_loss", 301,'))
        assert not Entry(folder).is_intact
        put(this_run())
        assert Entry(folder).is_intact
        shutil.rmtree(folder)
        record.mkdir(parents=True)
        with pytest.raises(Unavailable, match=r"run\.jsonl: Is a directory"):
            deliver(lambda: [put(this_run())])


def test_a_line_between_the_last_read_and_the_removal_keeps_the_entry(waits):
    entry = Entry(waits)
    append(entry.path, [{"status": "FINISHED", "ended": 1.0, "results": entry.results}])
    assert not entry.remove()
    (again,) = entries()
    assert again.end.results == entry.results
    assert again.remove()
    assert not waits.exists()


def at_each_step(work: Callable[[], object], where: str, other: Callable[[], object]) -> Iterator[None]:
    """Do the work again and again, and `other` in a thread meanwhile: before the first of its lines, the second, …

    where  a pattern for `<file>:<function>`; the lines of these functions are the steps

    Yield after each time. The thread may wait for a lock that the work holds, so the work goes on after a moment.
    """
    for step in count(1):
        lines, thread = set(), Thread(target=other)

        def trace(frame, event, _, lines=lines, thread=thread, step=step):
            if not re.search(where, f"{frame.f_code.co_filename}:{frame.f_code.co_name}"):
                return None
            if event == "line" and not thread.ident:
                lines.add((frame.f_code, frame.f_lineno))
                if len(lines) == step:
                    thread.start()
                    thread.join(0.2)
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            work()
        finally:
            sys.settrace(before)
        if not thread.ident:
            assert step > 5
            return
        thread.join()
        yield


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["with files", "a training alone"])
def test_track_restores_an_outbox_item_that_the_sender_removes_at_any_step(finished, tmp_path, kind):
    project = copied(finished, tmp_path / "project")
    a_training(project)
    with chdir(project.folder):
        run = this_run()
        if kind == "with files":
            put(run)
        (entry,) = entries()
        shutil.copytree(entry.folder, before := tmp_path / "before")
        returned, known = [], [entry]
        modules = r"/(collect|entries|spool)\.py:"
        for _ in at_each_step(lambda: returned.append(put(run)), modules, lambda: known[-1].remove()):
            (waits,) = entries()
            assert (waits.folder, waits.sender, waits.can_complete) == (returned[-1], sender_identity(), True)
            assert waits.is_intact
            shutil.rmtree(spool())
            shutil.copytree(before, entry.folder)
            known.append(Entry(entry.folder))


@pytest.mark.slow
def test_a_repeated_training_is_counted_at_any_step_of_the_delivery(project):
    tracked(project)
    with chdir(project.folder):
        run, times, rest = this_run(), [], {}

        def again() -> None:
            a_training(project)
            put(run)
            times.append(1)

        def delivered() -> None:
            rest.update(run_round(sender_identity(), {}))

        again()
        for _ in at_each_step(delivered, r"(entries.py:remove|rounds.py:run_round)$", again):
            while rest:
                work = run_round(sender_identity(), rest)
                rest.clear()
                rest.update(work)
            assert run_round(sender_identity(), {}) == {}
            assert not [*spool().iterdir()]
            assert project.runs()[0].data.tags["charloom.reproductions"] == str(len(times))
            again()


def test_sent_and_half_written_outbox_items_are_no_waiting_runs(waits, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_USERNAME", "another")  # an entry is sent by the user who put it there
        assert run_round(sender_identity(), {}) == {}
    entry = Entry(waits)
    (waits / "run.jsonl").unlink()
    assert run_round(entry.sender, {waits: Delivery(entry)}) == {}
    (spool() / "new/.files.new").mkdir(parents=True)
    assert list(entries()) == []
