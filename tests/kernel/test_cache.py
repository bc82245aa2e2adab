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


@pytest.fixture
def package(folder, tmp_path):
    """A copy of the sources that compiled code contains."""
    return shutil.copytree(cache.PACKAGE, tmp_path / "package", ignore=IGNORED)


def folder_name(package):
    """Return the name of the folder of the function's code with these sources."""
    return cache.FolderCache(twice, package).folder.name


@pytest.mark.slow
def test_an_edit_of_any_source_and_a_new_source_give_another_folder(package, tmp_path):
    sources = [*package.glob("kernel/*.py"), *package.glob("network/[!r]*.py"), package / "network/recipe.py"]
    assert len(sources) > 10
    names = [folder_name(package)]
    assert names[0] == folder_name(shutil.copytree(package, tmp_path / "clone"))
    for source in [*sources, package / "kernel/new.py"]:
        with source.open("a") as file:
            file.write("EDITED = 1\n")
        names.append(folder_name(package))
    assert len(set(names)) == len(sources) + 2
    (package / "network/rnn.py").write_text("EQUATIONS = 1  # compiled code contains nothing of this file\n")
    assert folder_name(package) == names[-1]


@pytest.mark.parametrize(
    "edit",
    [
        lambda source: "# a comment\n\n" + source + "# another\n",
        lambda source: source.replace('"""Run', '"""Edited.\n\n    Run'),
        lambda source: source.replace(" = ", "  =  "),
    ],
    ids=["comments", "docstrings", "layout"],
)
def test_an_edit_that_changes_no_syntax_tree_keeps_the_folder(package, edit):
    name, path = folder_name(package), package / "kernel/advance.py"
    source = path.read_text()
    assert edit(source) != source
    path.write_text(edit(source))
    assert [folder_name(package), folder_name(package)] == [name, name]


def test_a_changed_string_or_optimisation_level_changes_the_cache_folder(package, monkeypatch):
    names, path = [folder_name(package)], package / "kernel/advance.py"
    for text in ("one", "two"):
        path.write_text(f"{path.read_text()}TEXT = '{text}'\n")
        names.append(folder_name(package))
    monkeypatch.setattr(cache.config, "OPT", 1)
    assert len({*names, folder_name(package)}) == 4


def test_a_damaged_name_of_a_folder_is_computed_again(package, folder):
    name = folder_name(package)
    (file,) = folder.glob("*.folder")
    file.write_text(name[:5])
    assert [folder_name(package), file.read_text()] == [name, name]


def test_an_edit_of_the_functions_own_file_gives_another_folder(tmp_path):
    own, names = tmp_path / "own.py", set()
    for source in ("def f(): ...", "def f(): return 1"):
        own.write_text(source)
        defined = {"__name__": "own"}
        exec(compile(source, own, "exec"), defined)  # noqa: S102  as an import would
        names.add(cache.FolderCache(defined["f"]).folder.name)
    assert len(names) == 2


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


def test_the_cache_keeps_code_for_each_kind_of_arguments(folder):
    assert [called(), called(), called(0.5), called(0.5)] == [(42, True), (42, False), (1.0, True), (1.0, False)]
    assert len(list(folder.glob("*/*"))) == 2


def test_the_cache_removes_only_its_own_code_that_is_long_unused(folder):
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
    (inside,) = (each for each in folder.iterdir() if each.is_dir())
    line = f"warning: {inside}: File too large: compiled code is not cached; the next start compiles again\n"
    assert capsys.readouterr() == ("", line)
    assert list(inside.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("program", [STAGE, OWN], ids=["a stage", "another's program"])
def test_a_stage_imports_only_the_numba_packages_that_it_calls(tmp_path, program):
    (tmp_path / "own.py").write_text(program)
    # DVC sets the variable for any stage of anybody's project.
    subprocess.run([sys.executable, tmp_path / "own.py"], check=True, env=os.environ | {"DVC_STAGE": "train"})
