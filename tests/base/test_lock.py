"""One at a time: the second is refused, or waits; a holder's end, however it comes, frees the lock."""

import os
import subprocess
import sys

import pytest

from charloom.core.base.errors import Unavailable
from charloom.core.base.storage import exclusive, is_held

HOLD = """
import sys
from pathlib import Path
from charloom.core.base.storage import exclusive
with exclusive(Path(sys.argv[1]), "it"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_one_is_refused_with_the_process_number_of_the_first(tmp_path):
    lock = tmp_path / "deep/a.lock"
    assert not is_held(lock)  # a missing lock is held by nobody and is not created
    assert not lock.parent.exists()
    busy = rf"^busy: process {os.getpid()} runs this training; wait until"
    with exclusive(lock, "this training"):
        with pytest.raises(Unavailable, match=busy), exclusive(lock, "this training"):
            raise AssertionError("two hold it")
        assert lock.exists()
    assert not lock.exists()


def test_a_killed_holder_frees_it(tmp_path):
    lock = tmp_path / "a.lock"
    command = [sys.executable, "-c", HOLD, lock]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Unavailable, match=f"process {holder.pid} runs it"), exclusive(lock, "it"):
            pass
        assert is_held(lock)
        holder.kill()
        holder.wait()
        assert not is_held(lock)
        assert not lock.exists()
        with exclusive(lock, "it"):
            assert lock.read_text() == str(os.getpid())


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    refused = r"file/a\.lock: .*charloom must be able to write there"
    with pytest.raises(Unavailable, match=refused), exclusive(tmp_path / "file/a.lock", "it"):
        pass
