"""A file that is not what was written is refused by name, or means exactly the same: never a traceback."""

import hashlib
import io
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from projects import ROOT
from states import EPOCH, IDS, SETTINGS, START, VOCABULARY, after, flat

from charloom.core.base.errors import Damaged, WrongInput
from charloom.core.base.storage import read_json
from charloom.core.config.reading import read_params
from charloom.core.config.records import TrainMetrics
from charloom.core.model.model_file import Model, model_bytes, read_model
from charloom.core.text import corpus
from charloom.core.training import resume

STATE, TRACE = after(4)


def model_file(folder) -> Path:
    path = folder / "model.npz"
    path.write_bytes(model_bytes(Model(START.theta, START.carried, 1, VOCABULARY, 12, 44.25)))
    return path


def text_file(folder) -> Path:
    with (folder / "text.npz").open("wb") as file:
        corpus.save_text(file, VOCABULARY.code_points, [IDS, IDS[:4]], (len(IDS), 4))
    return folder / "text.npz"


def state_file(folder) -> Path:
    (folder / "0.npz").write_bytes(b"a checkpoint")
    digest = hashlib.sha256(b"a checkpoint").hexdigest()
    resume.save(folder, SETTINGS, STATE, TRACE, {"0.npz": resume.Checkpoint(digest, 2.5)})
    return folder / "000000000004.state"


FILES: dict[str, tuple[Callable, Callable]] = {
    "model": (model_file, read_model),
    "text": (text_file, corpus.read_prepared),
    "state": (state_file, lambda path: resume.load(path.parent, SETTINGS, START, EPOCH)),
}


def write(path: Path, content: bytes) -> None:
    """Make the file anew: what is written over a file goes to the disk at once, on ext4, and that takes its time."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def mutants(content: bytes) -> Iterator[bytes]:
    """Yield the content with each byte changed in two ways, and every truncation of it."""
    for place, byte in enumerate(content):
        for bits in (0x01, 0x80):
            yield content[:place] + bytes([byte ^ bits]) + content[place + 1 :]
        yield content[:place]


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_every_changed_byte_and_every_truncation_is_refused_or_means_the_same(name, tmp_path):
    make, read = FILES[name]
    path = make(tmp_path)
    original, content = flat(read(path)), path.read_bytes()
    lines, same = [], 0
    for mutant in mutants(content):
        write(path, mutant)
        try:
            same += flat(read(path)) == original
        except Damaged as error:
            lines.append(str(error))
    assert len(lines) + same == 3 * len(content)
    assert all(str(path) in line for line in lines)
    assert name != "state" or same == 0  # SHA-256 over all of it


def zipped(entries, compression=zipfile.ZIP_STORED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return content.getvalue()


def npy(array, **options) -> bytes:
    content = io.BytesIO()
    np.save(content, array, **options)
    return content.getvalue()


def crafted(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield archives that a careless reader would take, or choke on."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        whole = [(each.filename, archive.read(each)) for each in archive.infolist()]
    bomb = npy(np.zeros(1_000_000))  # thousands of times as long as the file
    huge = bytearray(content)
    end = huge.rindex(b"PK\x01\x02")
    huge[end + 24 : end + 28] = (2**31).to_bytes(4, "little")
    yield "not a file of ours", b"hello"
    yield "empty", b""
    yield "a pickle", pickle.dumps({"W": 1})
    yield "compressed", zipped(whole, zipfile.ZIP_DEFLATED)
    yield "a size that the file has not", bytes(huge)
    yield "reversed", zipped(whole[::-1])
    yield "another one in front", zipped([("W2.npy", whole[0][1]), *whole])
    for place, (name, data) in enumerate(whole):

        def with_it(*entries, place=place):
            return zipped([*whole[:place], *entries, *whole[place + 1 :]])

        array = np.load(io.BytesIO(data))
        yield f"{name} missing", with_it()
        yield f"{name} doubled", with_it((name, data), (name, data))
        yield f"{name} of objects", with_it((name, npy(np.array([None] * 3), allow_pickle=True)))
        yield f"{name} as a bomb", zipped([*whole[:place], (name, bomb), *whole[place + 1 :]], zipfile.ZIP_DEFLATED)
        yield f"{name} longer", with_it((name, npy(np.append(array, array))))
        yield f"{name} of another dimension", with_it((name, npy(array[None])))
        if array.itemsize > 1:
            yield f"{name} big-endian", with_it((name, npy(array.astype(array.dtype.newbyteorder(">")))))
        yield f"{name} with more behind", with_it((name, data + b"\0"))
        if array.dtype.kind == "f":
            for value in (np.nan, np.inf, -np.inf):
                yield f"{name} is {value}", with_it((name, npy(np.full_like(array, value))))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["model", "text"])
def test_every_crafted_file_is_refused_by_name(name, tmp_path):
    make, read = FILES[name]
    path = make(tmp_path)
    for what, mutant in crafted(path.read_bytes()):
        if name == "text" and what.endswith("longer"):
            continue  # that is another text, and a good one
        write(path, mutant)
        with pytest.raises(Damaged, match=path.name):
            print(what, flat(read(path)))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "read"), [
    ("metrics/train.json", partial(read_json, schema=TrainMetrics)), ("params.yaml", read_params),
])  # fmt: skip
def test_every_changed_byte_of_a_text_is_refused_by_name_or_read(name, read, tmp_path):
    path, some, lines = tmp_path / Path(name).name, list(mutants((ROOT / name).read_bytes())), []
    for i in np.random.default_rng(1).choice(len(some), 500, replace=False):
        write(path, some[i])
        try:
            read(path)
        except (Damaged, WrongInput) as error:
            lines.append(str(error))
    assert all(path.name in line and "\n" not in line for line in lines)
    assert len(lines) > 500 / 20


def test_a_prepared_text_truncated_during_use_stays_whole_in_memory(tmp_path):
    """A memory map would end the process by SIGBUS, without a message."""
    program = (
        "import os, sys; from pathlib import Path; from charloom.core.text.corpus import read_prepared\n"
        "text = read_prepared(Path(sys.argv[1])); os.truncate(sys.argv[1], 1000); print(text.training.sum())"
    )
    with (tmp_path / "text.npz").open("wb") as file:
        corpus.save_text(file, VOCABULARY.code_points, [np.tile(np.uint8([0, 1]), 10_000)], (20_000, 0))
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "text.npz"], env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "10000\n")
