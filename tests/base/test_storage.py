"""A file is written whole or not at all, and what is read is what was written, or refused by name."""

import math
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import files_of_at_most

from charloom.core.base.errors import Damaged, Unavailable
from charloom.core.base.storage import atomic_file, read_table, sealed, sha256, unsealed, write, write_json, write_table


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "a.txt"
    write(path, "old")
    refused = r"a\.txt: File too large: not written; an existing file keeps its content"
    with files_of_at_most(100), pytest.raises(Unavailable, match=refused):
        write(path, "new" * 100)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_replaced_and_never_opened_to_be_changed(tmp_path):
    path = tmp_path / "deep/er/a.bin"
    write(path, b"old")
    with path.open("rb") as reader:
        write(path, b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"


WRITES = """
import sys
from pathlib import Path
from charloom.core.base.storage import write
path, letter = Path(sys.argv[1]), sys.argv[2].encode()
for _ in range(100):
    write(path, letter * 100_000)
    content = path.read_bytes()
    assert content == content[:1] * 100_000
"""


def test_simultaneous_writers_of_one_path_succeed_and_every_read_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    writers = [subprocess.Popen([sys.executable, "-c", WRITES, path, letter]) for letter in "abc"]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_file_of_a_killed_process_is_none_to_git_and_dvc(tmp_path):
    with atomic_file(tmp_path / "a.txt") as file:
        assert fnmatch(Path(file.name).name, ".*.new")  # as in .gitignore and .dvcignore


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_json_of_ours_holds_what_is_not_finite(tmp_path, value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"loss": value})
    assert list(tmp_path.iterdir()) == []


@given(rows=st.lists(st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 2), max_size=9))
def test_a_table_reads_back_to_the_bit(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "table.csv"
    write_table(path, ("loss", "norm"), {100 * n: row for n, row in enumerate(rows)})
    table = read_table(path, "loss", "norm", may_be_empty=True)
    assert list(table["norm"]) == [100 * n for n in range(len(rows))]
    assert repr(list(zip(table["loss"].values(), table["norm"].values(), strict=True))) == repr(rows)


@pytest.mark.parametrize("rows", ["", "0,nan\n", "0,1.0\n0,1.0\n", "0,1.0\n100\n", "0,many\n", "0,\xff\n", None])
@pytest.mark.parametrize("head", ["update,loss\n", ""])
def test_a_table_that_is_none_is_named(tmp_path, head, rows):
    path = tmp_path / "table.csv"
    if rows is not None:
        path.write_bytes((head + rows).encode("latin-1"))
    with pytest.raises(Damaged, match=r"table\.csv: .*; `dvc repro` makes the file again"):
        read_table(path, "loss")


def test_each_changed_bit_of_a_sealed_line_is_found():
    content = {"a": [1, 0.5, "ä\t"], "b": None}
    line = sealed(content).encode()[:-1]
    assert unsealed(line) == unsealed(line.partition(b"\t")[0]) == content
    for place in range(len(line)):
        for bit in range(8):
            with pytest.raises(ValueError, match=r"."):
                unsealed(line[:place] + bytes([line[place] ^ 1 << bit]) + line[place + 1 :])


@pytest.mark.skipif(sys.platform != "linux", reason="reads a file of Linux")
def test_a_file_that_cannot_be_read_is_named():
    with pytest.raises(OSError, match=r"Input/output error: '/proc/self/mem'"):
        sha256(Path("/proc/self/mem"))
