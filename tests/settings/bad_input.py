"""The message for each wrong input: `python tests/settings/bad_input.py > docs/bad_input.md` writes the page.

Each case is `prepare`, or a command of charloom, in a folder of its own, in this process.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2] / "src")]  # as pytest has it: the helpers, and the stages

from projects import ROOT, Project, called  # noqa: E402  found by the line above

from charloom.commands import cli  # noqa: E402  likewise

TEXT = "the quick brown fox jumps over the lazy dog. " * 10
SMALL = {"m: 100": "m: 8", "seq_length: 25": "seq_length: 10", "data/moby_dick.txt": "data/my.txt"}

KEYS = {  # what stands in params.yaml, and what is written instead
    "eta: 0.1": [
        'eta: "fast"', 'eta: "0.1"', "eta: -0.1", "eta: 0", "eta: .nan", "eta: .inf", "eta: 1e999", "eta: 0,1",
        "eta: yes", "eta: true", "eta:", "eta: ~", "eta: [0.1, 0.2]", "eta: {value: 0.1}", "eta: 2026-01-01",
        "etta: 0.1", "Eta: 0.1", "learning_rate: 0.1", "0.1: eta", "1: 1\neta: 0.1", "eta: 0.1\neta: 0.2",
        "eta: 0.1: 3", "eta: !!python/object:os.system 1", "eta: &a [*a]", "eta: &a 0.1\nsigma: *a", "eta 0.1",
        "\teta: 0.1", "%YAML 1.1\n---\neta: 0.1",
        "eta: 0.1\n%YAML 1.1", "eta: '0.1", "eta: \x00",
    ],
    "m: 8": [
        "m: 0", "m: -8", "m: 8.5", "m: 8.0", "m: '8'", "m: 1e1", "m: none", "m: false", f"m: 1{'0' * 30}",
        "m: !!int ''", "m: !!bool maybe", f"m: {'[' * 3000}",
    ],
    "seq_length: 10": ["seq_length: 0", "seq_length: ten", "seq_length: 450"],
    "batch: 1 ": ["batch: 0 ", "batch: 45 ", "batch: 10000000000 "],
    "sigma: 0.01": ["sigma: 0", "sigma: -1e-2", "sigma: small", "sigma: fan-in", "sigma: null"],
    "optimizer: adagrad": ["optimizer: adagard"],
    "seed: 1 ": ["seed: -1 ", "seed: 1.5 ", "seed: 18446744073709551616 ", "seed: random "],
    "held_out: 0.05": ["held_out: 1.0", "held_out: -0.1", "held_out: 5%", "held-out: 0.05", "held_out: 0.99"],
    "updates: 100000": ["updates: -1", "updates: 1e5", "updates: 100,000"],
    "initial_accumulator_value: 0.0": ["initial_accumulator_value: -1", "initial_accumulator: 0.0"],
    "clip: 5.0": ["clip: 0", "clip: [-5, 5]", "clip: None"],
    "loss: sum": ["loss: average"],
    "order: reading": ["order: random"],
    "b1: 0.9": ["b1: 1.0"],
    "dtype: float64": ["dtype: float16", "dtype: 64"],
    "checkpoint_every: 10000": ["checkpoint_every: 0"],
    "length: 200": ["length: 0", "length: 10000000000000000000000"],
    "best_length: 1000": ["best_length: long"],
    "temperature: 1.0": ["temperature: -1.0", "temprature: 1.0"],
    "sample:": ["sampel:"],
    "text: data/my.txt": [
        "text:", "text: ''", "text: 7", "text: data/your.txt", 'text: "data/my\\0.txt"', f"text: data/{'my' * 200}.txt",
    ],
}  # fmt: skip

WHOLE = [
    ("nothing", ""),
    ("a text", "hello"),
    ("a list", "- 1\n- 2\n"),
    ("a million characters and one", "m: 8".ljust(1_000_001)),
    ("bytes that are not UTF-8", b"\xff\xfe"),
]
Content = str | bytes | Callable[[Path], object]  # of a file, or what makes it
TEXTS: list[tuple[str, Content]] = [
    ("no file", str),
    ("a folder", Path.mkdir),
    ("a link to nothing", lambda path: path.symlink_to("nowhere.txt")),
    ("a device", lambda path: path.symlink_to("/dev/zero")),
    ("no byte", b""),
    ("a byte-order mark alone", b"\xef\xbb\xbf"),
    ("one character", b"a"),
    ("one character again and again", b"a" * 450),
    ("a file of 1 GB and a byte", lambda path: (path.touch(), os.truncate(path, 10**9 + 1))),
    ("ten characters", b"0123456789"),
    ("eleven characters with a CRLF, which counts as one", b"012345678\r\n"),
    ("UTF-16", TEXT.encode("utf-16")),
    ("UTF-16, no mark", TEXT.encode("utf-16-be")[1:] + b"\xe9\x00"),
    ("Latin-1", ("caf\xe9 " * 20).encode("latin-1")),
    ("a lone high surrogate", b"twelve bytes" + b"\xed\xa0\x80"),
    ("a character cut off at the end", TEXT.encode() + "—".encode()[:2]),
    ("a picture", b"\x89PNG\r\n\x1a\n" + bytes(100)),
]

TABLE = "lr,opt,seed,loss\n0.1,sgd,1,2.5\n0.1,sgd,2,2.6\n0.1,adam,1,2.4\n0.1,adam,2,2.3\n"
COLUMNS = ("--setting", "lr,opt", "--seed", "seed", "--measure", "loss", "--better", "lower")
TABLES: list[tuple[str, Content]] = [
    ("no file", str),
    ("a folder", Path.mkdir),
    ("no byte", b""),
    ("no row", b"lr,opt,seed,loss\n"),
    ("a misspelt column: sede", TABLE.replace("seed", "sede").encode()),
    ("a column twice", b"lr,opt,seed,loss,loss\n0.1,sgd,1,2.5,2.4\n0.1,adam,1,2.4,2.3\n"),
    ("a comma in a number: 2,6", TABLE.replace("2.6", "2,6").encode()),
    ('a comma in a number, quoted: "2,6"', TABLE.replace("2.6", '"2,6"').encode()),
    ("no number: 2.6 bits", TABLE.replace("2.6", "2.6 bits").encode()),
    ("too large a number: 1e999", TABLE.replace("2.6", "1e999").encode()),
    ("an escape sequence of a terminal", TABLE.replace("2.6", "\x1b[31m").encode()),
    ("a seed twice", TABLE.replace("sgd,2", "sgd,1").encode()),
    *(
        (f"a seed that only Python reads as a number: {seed}", TABLE.replace("sgd,2", f"sgd,{seed}").encode())
        for seed in ("1_0", "+2", "\u0661", "\u00a02")
    ),
    ("a row without a seed", TABLE.replace("sgd,2", "sgd,").encode()),
    ("one setting", b"".join(TABLE.encode().splitlines(keepends=True)[:3])),
    ("a quote that does not end", TABLE.replace("2.6", '"2.6').encode()),
]

NOTE = "grade executes definitions and functions of my_rnn.py, within limits, but not in a sandbox\n"
PROGRAMS: list[tuple[str, str, Content]] = [  # what is wrong, the command, the content of my_rnn.py
    ("no file", "grade my_rnn.py", str),
    ("a file of another kind", "grade params.yaml", str),
    ("not Python", "grade my_rnn.py", "def gradients(:\n"),
    ("nothing that can be graded", "grade my_rnn.py", "x = 1\n"),
    ("a time that is no number", "grade --seconds soon my_rnn.py", "x = 1\n"),
    ("no file", "new out --program my_rnn.py", str),
    ("a map without a program", "new out --map my_rnn.py", "x = 1\n"),
    ("a folder that is not empty", "new data", str),
    ("a folder in a missing folder", "new out/here", str),
    ("no such text", "new out --text data/your.txt", str),
]

DVC = [  # typed, a part of what DVC prints, what to do
    ("dvc exp run -S etta=0.1", "Could not override 'etta'", "correct the name (DVC proposes `+`, which adds a param)"),
    ("dvc exp run -S eta=0,05", "Sweep overrides can't be used without `--queue`", "write a decimal point: `eta=0.05`"),
    ("mv data/my.txt other.txt; dvc repro", "[Errno 2] No such file or directory", "correct `text` in `params.yaml`"),
]


NAMED = "params.yaml", "data/my.txt", "results.csv", "my_rnn.py", "data", "out/here", "--seconds", "--text", "--map"


class Got(NamedTuple):
    """What a case got: the exit code, all that was printed, and what was written."""

    what: str
    code: int
    printed: str
    written: list[str]

    @property
    def broken(self) -> bool:
        """Whether it got anything but exit 2, one line that names a file, and nothing written."""
        names = any(f"{file}: " in self.printed for file in NAMED)
        return self.code != 2 or self.printed.count("\n") != 1 or not names or bool(self.written)


def run(what: str, files: dict[str, Content], *command: str) -> Got:
    """Write the files into a new folder, and run the stage `prepare` or the command there."""
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        Path("dvc.yaml").symlink_to(ROOT / "dvc.yaml")
        for path, content in files.items():
            Path(path).parent.mkdir(exist_ok=True)
            content = content.encode() if isinstance(content, str) else content
            Path(path).write_bytes(content) if isinstance(content, bytes) else content(Path(path))
        before = set(Path().rglob("*"))
        if command:
            code, *streams = called(cli.main, "charloom", *command)
            printed = "".join(streams)
        else:
            code, printed = Project(Path()).ended("prepare")
        after = {path for path in Path().rglob("*") if path.name != ".charloom"}  # an empty folder, for the lock
        return Got(what, code, printed, sorted(map(str, after - before)))


def tables() -> Iterator[Got]:
    """Yield what every table gets."""
    for what, content in TABLES:
        yield run(what, {"results.csv": content}, "compare", "--table", "results.csv", *COLUMNS)


def programs() -> Iterator[Got]:
    """Yield what every wrong program, and every wrong place for a project, gets."""
    for what, command, content in PROGRAMS:
        files = {"params.yaml": "", "data/my.txt": TEXT, "my_rnn.py": content}
        got = run(f"{what}: charloom {command}", files, *command.split())
        yield got._replace(printed=got.printed.removeprefix(NOTE))


def cases() -> Iterator[Got]:
    """Yield what every wrong param and text gets."""
    params = (ROOT / "params.yaml").read_text()
    for old, new in SMALL.items():
        assert old in params
        params = params.replace(old, new)
    wrong = []
    for old, replacements in KEYS.items():
        assert old in params, old
        wrong += [(new, params.replace(old, new)) for new in replacements]
    before = params[: params.index("sample:")]
    wrong += [("no section sample", before), ("sample: 3", f"{before}sample: 3\n")]
    chunks = params.replace("order: reading", "order: chunks").replace("chunk_length: 1000", "chunk_length: 9")
    wrong += [("order: chunks, chunk_length: 9", chunks)]
    wrong += [(f"params.yaml: {name}", content) for name, content in WHOLE]
    yield run("params.yaml: no file", {})
    for what, content in wrong:
        yield run(what, {"params.yaml": content, "data/my.txt": TEXT})
    for name, text in TEXTS:
        yield run(f"data/my.txt: {name}", {"params.yaml": params, "data/my.txt": text})


def code(text: str) -> str:
    """Return the text as code in a Markdown table, on one line."""
    visible = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text.strip(" \n"))
    visible = visible if len(visible) < 300 else f"{visible[:40]}…{visible[-32:]}"
    return f"`` {visible} ``".replace("|", "\\|")


def all_got() -> tuple[list[Got], list[Got], list[Got]]:
    """Return what all cases got: of the pipeline, of tables and of programs."""
    return list(cases()), list(tables()), list(programs())


def broken(*groups: list[Got]) -> list[Got]:
    """Return the cases that got something else than one line, exit 2 and no file."""
    return [got for group in groups for got in group if got.broken]


def page(of_the_pipeline: list[Got], of_tables: list[Got], of_programs: list[Got]) -> str:
    """Return the page."""
    return (
        "# Messages for wrong input\n\n"
        "The first column has the wrong input: a line of `params.yaml` (`\\n` is a line break, `\\t` a tab), or the "
        "content of the text `data/my.txt`. The last column has the message of `make run` and `dvc repro`. Both print "
        "it before they write any file. The exit code is that of the stage; `dvc repro` then ends with 255, and make "
        "with 2. In all rows the other params are valid. `seq_length` is 10, and the text has 450 characters, unless "
        "the row says otherwise.\n\n"
        f"{_table(of_the_pipeline)}\n"
        "## DVC's own messages\n\nDVC refuses some input before a stage starts, with exit 255.\n\n"
        f"| typed | what DVC prints | what to do |\n|---|---|---|\n{''.join(map(_of_dvc, DVC))}\n"
        "## Tables\n\nThe first column says what is wrong in `results.csv`. The last column has the message of "
        f"`charloom compare --table results.csv {' '.join(COLUMNS)}`.\n\n"
        f"{_table(of_tables)}\n"
        "## Programs\n\nThe first column says what is wrong, and which command was typed. Before its message, "
        "`charloom grade` says that it executes the program.\n\n"
        f"{_table(of_programs)}"
    )


def _of_dvc(row: tuple[str, str, str]) -> str:
    typed, printed, remedy = row
    return f"| `` {typed} `` | `` {printed} `` | {remedy} |\n"


def _table(got: list[Got]) -> str:
    rows = "".join(f"| {code(each.what)} | {each.code} | {code(each.printed)} |\n" for each in got)
    return f"| wrong input | exit | message |\n|---|---|---|\n{rows}"


if __name__ == "__main__":
    groups = all_got()
    print(page(*groups), end="")
    sys.exit("\n".join(map(str, broken(*groups))) or None)
