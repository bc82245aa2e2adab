"""What waits in the spool is sent as it was put there, by whoever put it there, or a line names the folder."""

import random
import re
import shutil
import time
from contextlib import chdir
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from projects import copied
from recorded import sent, waiting

from charloom.base.errors import CharloomError, Unavailable
from charloom.results.spool import spool
from charloom.tracking import rounds
from charloom.tracking.collect import put, this_run
from charloom.tracking.delivery import deliver, request_delivery
from charloom.tracking.entries import Entry
from charloom.tracking.entry_files import ensure_intact, remove


@pytest.fixture(scope="module")
def waits(finished, tmp_path_factory):
    """Return the folder of a run that waits."""
    project = copied(finished, tmp_path_factory.mktemp("spool") / "project")
    with chdir(project.folder):
        return put(this_run())


@pytest.fixture
def taken(waits, monkeypatch):
    """Send what waits, and return which folders a store would get."""
    names = []
    monkeypatch.setattr(
        rounds, "_complete", lambda work, _: names.append(work.folder.name) or remove(work.folder) or "sent"
    )

    def send():
        names.clear()
        with chdir(waits.parents[2]):
            sent()
        return names

    return send


def changed(file: Path, kind: str, chance: random.Random) -> None:
    content = file.read_bytes()
    at = chance.randrange(len(content))
    match kind:
        case "a bit":
            file.write_bytes(content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :])
        case "cut":
            file.write_bytes(content[:at])
        case "doubled":
            file.write_bytes(content[: at + 1] + content[at:])
        case "a folder":
            file.unlink()
            file.mkdir()
        case "gone":
            file.unlink()
        case "another beside it":
            file.with_name("x" + file.name).write_bytes(content)


@pytest.mark.parametrize("kind", ["a bit", "cut", "doubled", "a folder", "gone", "another beside it"])
def test_a_folder_of_which_a_file_has_changed_is_named_and_kept_and_the_others_are_sent(waits, taken, kind, tmp_path):
    shutil.copytree(waits, tmp_path / "kept")
    files = [file.relative_to(waits) for file in (waits / "files").rglob("*") if file.is_file()]
    try:
        for seed in range(8):
            chance = random.Random(seed)  # noqa: S311  no secret
            other = waits.with_name(chance.choice("0z"))  # before it or after it
            shutil.copytree(waits, other)
            changed(waits / chance.choice(files), kind, chance)
            with pytest.raises(Unavailable, match=re.escape(f"{waits}: not sent, because it was damaged or changed; ")):
                taken()
            assert not other.exists()
            assert waits.exists()
            shutil.rmtree(waits)
            shutil.copytree(tmp_path / "kept", waits)
    finally:
        shutil.rmtree(waits, ignore_errors=True)
        shutil.copytree(tmp_path / "kept", waits)


def test_every_point_of_a_run_that_waits_counts(waits, taken):
    file = waits / "run.jsonl"
    content = file.read_bytes()
    lines = [at for at, line in enumerate(content.splitlines()) if line.startswith(b"[")]
    for at in random.Random(1).sample(lines, 10):  # noqa: S311  no secret
        damaged = content.splitlines(keepends=True)
        damaged[at] = damaged[at].replace(b"1", b"2").replace(b"0", b"1")
        file.write_bytes(b"".join(damaged))
        with pytest.raises(Unavailable, match="it was damaged or changed"):
            taken()
    file.write_bytes(content)
    ensure_intact(waits, Entry(waits).has_all_points)


def test_a_folder_without_the_list_of_its_files_is_not_sent(waits, taken):
    file = waits / "files/SHA256SUMS"
    content = file.read_bytes()
    file.unlink()
    with pytest.raises(Unavailable, match="it was damaged or changed"):
        taken()
    file.write_bytes(content)


def test_what_track_puts_there_again_mends_what_was_damaged_and_nothing_else(finished, tmp_path):
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
        with pytest.raises(CharloomError):
            ensure_intact(folder, Entry(folder).has_all_points)
        put(this_run())
        ensure_intact(folder, Entry(folder).has_all_points)


@pytest.mark.slow
def test_a_run_whose_sending_has_failed_half_way_is_whole(finished, tmp_path, monkeypatch):
    project = copied(finished, tmp_path / "project")

    def refused(*_, **__):
        raise MlflowException("no")

    with chdir(project.folder):
        folder = put(this_run())
        with monkeypatch.context() as patch:
            patch.setattr(MlflowClient, "create_model_version", refused)
            with pytest.raises(Unavailable, match=r"^no$"):
                sent()
        ensure_intact(folder, Entry(folder).has_all_points)
        sent()
    assert not folder.exists()


def test_a_spool_that_git_brought_is_not_sent(finished, tmp_path):
    project = copied(finished, tmp_path / "project")
    with chdir(project.folder):
        folder = put(this_run())
        project.run("git", "add", "-f", str(folder / "run.jsonl"))
        began = time.monotonic()
        with pytest.raises(
            Unavailable,
            match=r"^\.charloom/spool/.*/run\.jsonl: not sent, because Git tracks this file; .*`git rm -r \.charloom`",
        ):
            deliver([folder], 30, request_delivery())
        assert time.monotonic() - began < 20  # it is said at once, not when nothing has gone on
        assert waiting(project)
    assert not project.runs()


def test_a_record_that_cannot_be_written_is_said_and_nothing_is_waited_for(finished, tmp_path):
    project = copied(finished, tmp_path / "project")
    with chdir(project.folder):
        folder = put(this_run())
        shutil.rmtree(folder)
        (folder / "run.jsonl").mkdir(parents=True)
        with pytest.raises(Unavailable, match=r"run\.jsonl: Is a directory"):
            put(this_run())


def test_what_another_process_has_sent_meanwhile_is_not_said_to_be_missing(waits, taken, monkeypatch, tmp_path):
    def gone(*_):
        raise FileNotFoundError

    monkeypatch.setattr(rounds, "ensure_intact", gone)
    assert taken() == []
    assert waits.exists()


def test_what_a_kill_leaves_of_a_folder_that_is_removed_is_no_run_that_waits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = spool() / "a-b"
    folder.mkdir(parents=True)
    (folder / "run.jsonl").write_text("{}")

    def killed(path, **_):
        if path.exists():
            raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        remove(folder)
    assert rounds.folders() == []
