"""Who followed a training sends what its `track` puts there; whoever is not the same, or ends before, does not."""

import os
import socket
import subprocess
import sys
import time
from contextlib import chdir
from pathlib import Path

import pytest
from projects import ROOT, until

from charloom.base.errors import Unavailable
from charloom.tracking import handover
from charloom.tracking.handover import sender

EXPERIMENT = "e" * 64
WAITS = "from charloom.tracking import handover as h; {}; h.wait_for_track('e' * 64, h.identity())"
ANSWERS = "h._send = lambda asked: b'{}\\n'"


@pytest.fixture
def waits(tmp_path, monkeypatch):
    """A function that starts a process which waits for `track` in an empty folder, and ends in the way it is told."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    monkeypatch.setattr(handover, "begun", lambda *_: "a new process")
    monkeypatch.setattr(handover, "ANSWER_MAY_TAKE", 60)  # these processes share the processors with other tests
    (tmp_path / ".charloom").mkdir()
    started = []

    def start(way: str) -> subprocess.Popen:
        started.append(
            subprocess.Popen([sys.executable, "-P", "-c", WAITS.format(way)], cwd=tmp_path, env=dict(os.environ))
        )
        until(lambda: listens(tmp_path) or started[-1].poll() is not None, every=0.05)
        return started[-1]

    with chdir(tmp_path):
        yield start
    for each in started:
        each.kill()
        each.wait()


def door(folder: Path) -> Path:
    return folder / ".charloom" / f"{EXPERIMENT[:12]}.socket"


def listens(folder: Path) -> bool:
    """Whether one can connect: the file is there a moment before."""
    with socket.socket(socket.AF_UNIX) as asker:
        return not asker.connect_ex(os.path.relpath(door(folder)))  # a socket's name has room for 107 characters


def test_what_is_sent_there_is_heard_here(waits, tmp_path, capsys):
    waits(ANSWERS.format('["a run\\\\n", "of MLflow\\\\nwarning: a log is damaged\\\\n", ""]'))
    with sender(EXPERIMENT, 20) as send:
        send("a folder")
    assert capsys.readouterr() == ("a run\n", "warning: a log is damaged\n")
    assert not door(tmp_path).exists()


@pytest.mark.slow
def test_a_reason_is_told_here_and_one_that_comes_soon_is_looked_at_again(waits, monkeypatch):
    monkeypatch.setattr(handover, "apart", lambda *_, seconds: f"again, for {seconds} s")
    for took, seconds in ((0, 20), (1.2, 2)):
        waits(f'import time; h._send = lambda _: time.sleep({took}) or b\'["", "", "not permitted"]\\n\'')
        with sender(EXPERIMENT, seconds) as send:
            if took:
                with pytest.raises(Unavailable, match="not permitted"):
                    send("a folder")
            else:
                assert send("a folder") == "again, for 20 s"


@pytest.mark.parametrize("left", [None, "a socket", "a file"])
def test_where_nobody_waits_a_new_process_does_it(waits, tmp_path, left):
    if left == "a socket":
        with socket.socket(socket.AF_UNIX) as killed:
            killed.bind(str(door(tmp_path)))
    elif left:
        door(tmp_path).touch()
    assert sender(EXPERIMENT, 20) == "a new process"


@pytest.mark.parametrize("what", ["variable", "source", "folder", "library", "store"])
def test_a_process_that_is_not_the_same_is_not_asked_and_waits_on(waits, tmp_path, monkeypatch, what):
    (tmp_path / "mlflow.db").touch()
    process = waits("pass")
    with monkeypatch.context() as changed:
        if what == "variable":
            changed.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        elif what == "source":
            (tmp_path / "store.py").touch()
            changed.setattr(handover, "SOURCES", tmp_path)
        elif what == "folder":
            (tmp_path / "below").mkdir()
            changed.setenv("DVC_ROOT", str(tmp_path))
            changed.chdir("below")
        elif what == "library":
            changed.setattr(handover.sysconfig, "get_path", lambda _: str(tmp_path))
        else:
            (tmp_path / "mlflow.db").rename(tmp_path / "removed.db")
            (tmp_path / "mlflow.db").touch()
        assert sender(EXPERIMENT, 20) == "a new process"
    if what == "store":
        (tmp_path / "removed.db").rename(tmp_path / "mlflow.db")
    with sender(EXPERIMENT, 20) as send:
        assert callable(send)
    assert process.poll() in {None, 0}


@pytest.mark.slow
@pytest.mark.parametrize("end", ["os._exit(1)", "1 / 0"])
def test_a_process_that_fails_soon_is_replaced(waits, monkeypatch, end):
    replaced = []
    monkeypatch.setattr(handover, "apart", lambda *given, seconds: replaced.append((*given, seconds)) or "")
    waits(f"import time, os; h._send = lambda _: time.sleep(1.5) or {end}")
    with sender(EXPERIMENT, 20) as send:
        send("a folder")
    assert replaced == [("completion.send", "a folder", 20)]


@pytest.mark.slow
def test_the_deadline_holds_whoever_sends(waits, tmp_path):
    sleeps = "types.SimpleNamespace(send=lambda *_: time.sleep(60))"  # MLflow, imported, would set variables
    waits(f"import sys, time, types; sys.modules['charloom.tracking.completion'] = {sleeps}")
    since = time.monotonic()
    with sender(EXPERIMENT, 2) as send, pytest.raises(Unavailable, match="nothing went on for 2 s"):
        send("a folder")
    assert time.monotonic() - since < 5
    assert not door(tmp_path).exists()
