"""Wrong input gets exit 2 and one line, which names the place, the value and what is allowed; nothing is written.

A row has the wrong input, and what the message contains: the place at its beginning, the value, and the words for what
is allowed. The rest of a sentence may change.
"""

import os
import re
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest
from projects import ROOT, Project, called

from charloom.commands import cli

TEXT = "the quick brown fox jumps over the lazy dog. " * 10
RIGHT = (ROOT / "params.yaml").read_text()
for old, new in {"m: 100": "m: 8", "seq_length: 25": "seq_length: 10", "data/moby_dick.txt": "data/my.txt"}.items():
    assert old in RIGHT
    RIGHT = RIGHT.replace(old, new)
BEFORE_SAMPLE = RIGHT[: RIGHT.index("sample:")]
CHUNKS = RIGHT.replace("order: reading", "order: chunks").replace("chunk_length: 1000", "chunk_length: 9")
TOP = "m eta seq_length batch sigma seed optimizer prepare gradcheck train sample"
NUMBER, FINITE, POSITIVE, INTEGER = "a number without quotes", "a finite number", "greater than 0", "a valid integer"
ONE, ZERO, LARGEST = "1 or greater", "0 or greater", "9007199254740992"
MISSING, MY = "No such file or directory", "data/my.txt"

PARAMS = {  # text in params.yaml, and what stands there instead
    "eta: 0.1": [
        ('eta: "0.1"', "eta", "0.1", NUMBER),
        ("eta: 0,1", "eta", "0,1", NUMBER),
        ("eta: yes", "eta", "yes", NUMBER),
        ("eta: 2026-01-01", "eta", "2026-01-01", NUMBER),
        ("eta: -0.1", "eta", "-0.1", POSITIVE),
        ("eta: 0", "eta", "0", POSITIVE),
        ("eta: .nan", "eta", "nan", FINITE),
        ("eta: 1e999", "eta", "inf", FINITE),
        ("eta: true", "eta", "True", "number"),
        ("eta:", "eta", "empty", "number"),
        ("eta: [0.1, 0.2]", "eta", "[0.1, 0.2]", "number"),
        ("etta: 0.1", "etta", "unknown", "did you mean eta"),
        ("learning_rate: 0.1", "learning_rate", "unknown", TOP),
        ("1: 1\neta: 0.1", "1", "unknown", TOP),
        ("eta: 0.1\neta: 0.2", "line 4", "eta", "duplicate"),
        ("eta: &a [*a]", "line 3", "alias", "repeat the value"),
        ("eta: &a 0.1\nsigma: *a", "line 3", "alias", "repeat the value"),
        ("eta: !!python/object:os.system 1", "line 3", "os.system", ""),
        ("eta 0.1", "line 4", "", "YAML"),
        ("%YAML 1.1\n---\neta: 0.1", "line 3", "", "YAML"),
        ("eta: 0.1\n%YAML 1.1", "line 5", "", "YAML"),
        ("eta: '0.1", "line 1", "", "YAML"),
        ("eta: \x00", "", "0000", "YAML"),
    ],
    "m: 8": [
        ("m: 0", "m", "0", ONE),
        ("m: 8.5", "m", "8.5", INTEGER),
        ("m: 8.0", "m", "8.0", INTEGER),
        ("m: false", "m", "False", INTEGER),
        ("m: '8'", "m", "8", NUMBER),
        (f"m: 1{'0' * 30}", "m", f"1{'0' * 30}", LARGEST),
        ("m: !!int ''", "", "", "YAML"),
        ("m: !!bool maybe", "", "maybe", "YAML"),
        (f"m: {'[' * 3000}", "line 2", "", "YAML"),
    ],
    "seq_length: 10": [
        ("seq_length: 0", "seq_length", "0", ONE),
        ("seq_length: 450", MY, "428", "seq_length 450 at least 451"),
    ],
    "batch: 1 ": [
        ("batch: 0 ", "batch", "0", ONE),
        ("batch: 45 ", MY, "428", "batch 45 at least 451"),
        ("batch: 10000000000 ", MY, "428", "batch 10000000000 at least 100000000001"),
    ],
    "sigma: 0.01": [
        ("sigma: 0", "sigma", "0", f"{POSITIVE} or fan_in"),
        ("sigma: fan-in", "sigma", "fan-in", f"{NUMBER} or fan_in"),
        ("sigma: null", "sigma", "empty", "number or fan_in"),
    ],
    "optimizer: adagrad": [("optimizer: adagard", "optimizer", "adagard", "adagrad or adam")],
    "seed: 1 ": [
        ("seed: -1 ", "seed", "-1", ZERO),
        ("seed: 18446744073709551616 ", "seed", "18446744073709551616", "less 18446744073709551616"),
    ],
    "held_out: 0.05": [
        ("held_out: 1.0", "prepare.held_out", "1.0", "less than 1"),
        ("held_out: -0.1", "prepare.held_out", "-0.1", ZERO),
        ("held-out: 0.05", "prepare.held-out", "unknown", "did you mean held_out"),
        ("held_out: 0.99", MY, "445", "seq_length 10 at least 11"),
    ],
    "updates: 100000": [
        ("updates: -1", "train.updates", "-1", ZERO),
        ("updates: 1e5", "train.updates", "100000.0", INTEGER),
    ],
    "initial_accumulator_value: 0.0": [
        ("initial_accumulator_value: -1", "train.initial_accumulator_value", "-1", ZERO),
    ],
    "clip: 5.0": [
        ("clip: 0", "train.clip", "0", f"{POSITIVE} or null"),
        ("clip: [-5, 5]", "train.clip", "[-5, 5]", "number or null"),
        ("clip: None", "train.clip", "None", f"{NUMBER} or null"),
    ],
    "loss: sum": [("loss: average", "train.loss", "average", "sum or mean")],
    "order: reading": [("order: random", "train.order", "random", "reading chunks or positions")],
    "b1: 0.9": [("b1: 1.0", "train.b1", "1.0", "less equal 0.999999")],
    "dtype: float64": [("dtype: float16", "train.dtype", "float16", "float64 or float32")],
    "checkpoint_every: 10000": [("checkpoint_every: 0", "train.checkpoint_every", "0", ONE)],
    " length: 200": [(" length: 0", "sample.length", "0", ONE)],
    "temperature: 1.0": [("temperature: -1.0", "sample.temperature", "-1.0", ZERO)],
    "sample:": [("sampel:", "sampel", "unknown", "did you mean sample")],
    "text: data/my.txt": [
        ("text:", "prepare.text", "empty", "string"),
        ("text: ''", "prepare.text", "''", "at least 1 character"),
        ("text: data/your.txt", "prepare.text", "data/your.txt", MISSING),
        ('text: "data/my\\0.txt"', "prepare.text", r"data/my\x00.txt", "NUL"),
        (f"text: data/{'my' * 200}.txt", "prepare.text", "data/my", "too long"),
    ],
}  # fmt: skip

Content = str | bytes | Callable[[Path], object]  # of a file, or what makes it
FILES: list[tuple[str, Content, str, str, str]] = [  # the file as a whole
    ("params.yaml: no file", str, "", "", MISSING),
    ("params.yaml: nothing", "", "", "empty", TOP),
    ("params.yaml: a list", "- 1\n- 2\n", "", "[1, 2]", TOP),
    ("params.yaml: a million characters and one", "m: 8".ljust(1_000_001), "", "", "1,000,000"),
    ("params.yaml: bytes that are not UTF-8", b"\xff\xfe", "", "0xff", "YAML"),
    ("params.yaml: no section sample", BEFORE_SAMPLE, "sample", "missing", ""),
    ("params.yaml: sample: 3", f"{BEFORE_SAMPLE}sample: 3\n", "sample", "3", "keys length best_length temperature"),
    ("params.yaml: order: chunks, chunk_length: 9", CHUNKS, "train.chunk_length", "9", "seq_length 10"),
    ("data/my.txt: no file", str, "prepare.text", MY, MISSING),
    ("data/my.txt: a folder", Path.mkdir, "prepare.text", MY, "a file"),
    ("data/my.txt: a device", lambda path: path.symlink_to("/dev/zero"), "prepare.text", MY, "a file"),
    ("data/my.txt: no byte", b"", MY, "empty", ""),
    ("data/my.txt: a byte-order mark alone", b"\xef\xbb\xbf", MY, "empty", ""),
    ("data/my.txt: one character again and again", b"a" * 450, MY, "'a'", "two or more"),
    ("data/my.txt: 1 GB and a byte", lambda path: (path.touch(), os.truncate(path, 10**9 + 1)), MY,
     "1,000,000,001", "at most 1,000,000,000"),
    ("data/my.txt: ten characters", b"0123456789", MY, "10", "at least 11"),
    ("data/my.txt: eleven characters, if CRLF were two", b"012345678\r\n", MY, "10", "at least 11"),
    ("data/my.txt: UTF-16", TEXT.encode("utf-16"), MY, "0xff at offset 0", "UTF-8"),
    ("data/my.txt: UTF-16, no mark", TEXT.encode("utf-16-be")[1:] + b"\xe9\x00", MY, "0xe9 at offset 899", "UTF-8"),
    ("data/my.txt: Latin-1", ("caf\xe9 " * 20).encode("latin-1"), MY, "0xe9 at offset 3", "UTF-8"),
    ("data/my.txt: a lone high surrogate", b"twelve bytes" + b"\xed\xa0\x80", MY, "0xed at offset 12", "UTF-8"),
    ("data/my.txt: a character cut at its end", TEXT.encode() + "—".encode()[:2], MY, "0xe2 at offset 450", "UTF-8"),
]  # fmt: skip

PROGRAMS: list[tuple[str, str, Content, str, str, str]] = [  # what is wrong, the command, and my_rnn.py
    ("a folder that exists", "new data", str, "data", "", "a new folder"),
    ("a folder in a missing folder", "new out/here", str, "out/here", "out", "an existing"),
]  # fmt: skip

DVC = {  # typed, and what DVC's message names
    "dvc exp run -S etta=0.1": "etta",
    "dvc exp run -S eta=0,05": "--queue",
    "mv data/my.txt other.txt; dvc repro": "No such file or directory",
}


def at(place: str) -> str:
    return MY if place == MY else f"params.yaml: {place}"


Case = tuple[str, str, Content, str, str, str]  # the command or stage, a file and its content; what the message names
CASES: dict[str, Case] = {
    **{
        new.strip(): ("prepare", "params.yaml", RIGHT.replace(old, new), at(place), *words)
        for old, rows in PARAMS.items()
        for new, place, *words in rows
    },
    **{
        case: ("prepare", case.partition(": ")[0], content, at(place), *words) for case, content, place, *words in FILES
    },
    **{f"{what}: charloom {command}": (command, "my_rnn.py", *row) for what, command, *row in PROGRAMS},
}


def assert_names(message: str, place: str, value: str, allowed: str) -> None:
    assert message.startswith(place), message
    assert value in message.removeprefix(place), message
    assert {*allowed.split()} <= {word.strip(",:;?()'`") for word in re.split(r"[\s=]", message)}, message


@pytest.mark.parametrize(
    ("command", "name", "content", "place", "value", "allowed"),
    [pytest.param(*row, id=ascii(case), marks=[pytest.mark.slow] * ("1 GB" in case)) for case, row in CASES.items()],
)
def test_wrong_input_gets_exit_2_and_one_line(tmp_path, command, name, content, place, value, allowed):
    """The line names the place, the value and what is allowed; no file is written."""
    (tmp_path / "dvc.yaml").symlink_to(ROOT / "dvc.yaml")
    (tmp_path / "data").mkdir()
    files: dict[str, Content] = {"params.yaml": RIGHT, MY: TEXT, name: content}
    for file, given in files.items():
        given = given.encode() if isinstance(given, str) else given
        (tmp_path / file).write_bytes(given) if isinstance(given, bytes) else given(tmp_path / file)
    before = {*tmp_path.rglob("*"), tmp_path / ".charloom"}  # an empty folder, for the lock
    if command == "prepare":
        code, printed = Project(tmp_path).ended(command)
    else:
        with chdir(tmp_path):
            code, *streams = called(cli.main, "charloom", *command.split())
        printed = "".join(streams)
    assert (code, printed.count("\n")) == (2, 1), printed
    assert_names(printed, place, value, allowed)
    assert {*tmp_path.rglob("*")} <= before


@pytest.mark.slow
@pytest.mark.parametrize(("typed", "named"), DVC.items())
def test_dvc_refuses_wrong_input(project, typed, named):
    project.run("bash", "-c", "mv data/fox.txt data/my.txt")
    project.set(text="data/my.txt")
    assert named in project.run("bash", "-c", typed, expect=255)
