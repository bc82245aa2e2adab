"""Compiled code is kept under the hash of all its sources, and only what was written is taken back."""

import os
import shutil
import subprocess
import sys
import time

import pytest
from limits import files_of_at_most

from charloom.core.kernel import cache

IGNORED = shutil.ignore_patterns("__pycache__")
STAGE = """
import sys
import charloom.core.runtime.stage
from charloom.core.kernel.cache import compiled
assert compiled(lambda x: 2 * x)(21) == 42
assert not sys.modules.keys() & {"cffi", "scipy.linalg"}
import cffi, scipy.linalg; scipy.linalg.norm([3])
assert compiled(lambda x: 2 * x)(0.5) == 1
assert sys.modules.keys() >= {"cffi", "scipy.linalg"}
"""
OWN = """
import cffi, numba
from charloom.core.kernel.cache import compiled
assert compiled(lambda x: 2 * x)(21) == 42
own = cffi.FFI()
own.cdef("int abs(int);")
absolute = own.dlopen(None).abs
assert numba.njit(lambda x: absolute(x))(-21) == 21
"""


def test_an_edit_of_any_file_that_compiled_code_contains_and_a_new_file_give_another_key(tmp_path):
    clone, package = (shutil.copytree(cache.PACKAGE, tmp_path / name, ignore=IGNORED) for name in ("one", "two"))
    sources = [*package.glob("kernel/*.py"), *package.glob("network/[!r]*.py"), package / "network/recipe.py"]
    assert len(sources) > 10
    keys = [cache.FolderCache(twice, package).key]
    assert keys[0] == cache.FolderCache(twice, clone).key
    for source in [*sources, package / "kernel/new.py"]:
        with source.open("a") as file:
            file.write("# edited\n")
        keys.append(cache.FolderCache(twice, package).key)
    assert len(set(keys)) == len(sources) + 2
    (package / "network/rnn.py").write_text("# the equations: compiled code contains nothing of this file\n")
    assert cache.FolderCache(twice, package).key == keys[-1]


def test_an_edit_of_the_functions_own_file_outside_the_room_gives_another_key(tmp_path):
    own, keys = tmp_path / "own.py", []
    for source in ("def f(): ...", "def f(): ...  # edited"):
        own.write_text(source)
        names = {"__name__": "own"}
        exec(compile(source, own, "exec"), names)  # noqa: S102  as an import would
        keys.append(cache.FolderCache(names["f"]).key)
    assert len(set(keys)) == 2


def twice(x):
    """Small, so that it compiles in no time."""
    return 2 * x


def called(x=21):
    """Return what a new process would get from the function, and whether it was compiled for that."""
    dispatcher = cache.compiled(twice)
    return dispatcher(x), not dispatcher.stats.cache_hits


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """The folder of compiled code in a cache folder of its own."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache/charloom"


def test_what_is_compiled_is_kept_for_each_kind_of_arguments(folder):
    assert [called(), called(), called(0.5), called(0.5)] == [(42, True), (42, False), (1.0, True), (1.0, False)]
    assert len(list(folder.glob("*/*"))) == 2


def test_compiled_code_that_nobody_has_used_for_long_is_removed_and_no_file_of_other_programs(folder):
    called()
    (own,) = folder.glob("*/*.compiled")
    old, newer, beside, outside = (folder / name for name in ("0" * 16, "1" * 16, "2" * 16, f"../{'0' * 16}"))
    for other in (old, newer, beside, outside):
        other.mkdir()
        (other / "f-0.compiled").write_bytes(b"")
        (other / "f-0.123.compiled").write_bytes(b"")  # of a process that was killed
    (beside / "notes.txt").touch()
    for other, days in ((old, 91), (newer, 89), (beside, 91), (outside, 91)):
        os.utime(other, (time.time() - days * 86_400,) * 2)
    os.utime(own.parent, (0, 0))
    assert [called(), called(0.5)] == [(42, False), (1.0, True)]  # the first marks its folder as used
    assert own.exists()
    assert not old.exists()
    assert [*beside.iterdir()] == [beside / "notes.txt"]
    assert [len([*other.iterdir()]) for other in (newer, outside)] == [2, 2]


@pytest.mark.parametrize("cut", [True, False])
def test_a_damaged_file_is_compiled_again_and_whole_then(folder, capsys, cut):
    assert called() == (42, True)
    (path,) = folder.glob("*/*")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if cut else whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    assert [called(), called()] == [(42, True), (42, False)]
    assert capsys.readouterr() == ("", "")
    assert list(folder.glob("*/*")) == [path]


def test_a_full_disk_keeps_nothing_and_says_so_once(folder, capsys):
    with files_of_at_most(100):
        assert [called(), called(0.5)] == [(42, True), (1.0, True)]
    (inside,) = folder.iterdir()
    line = f"warning: {inside}: File too large: compiled code is not cached; the next start compiles again\n"
    assert capsys.readouterr() == ("", line)
    assert list(inside.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("program", [STAGE, OWN], ids=["a stage", "another's program"])
def test_a_stage_imports_no_package_of_numbas_that_it_does_not_call_and_another_program_has_all(tmp_path, program):
    (tmp_path / "own.py").write_text(program)
    # DVC sets the variable for any stage of anybody's project.
    subprocess.run([sys.executable, tmp_path / "own.py"], check=True, env=os.environ | {"DVC_STAGE": "train"})
