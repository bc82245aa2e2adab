"""The command: lines, exit codes, JSON, a class; and programs that would harm the machine or never end."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from layouts import CLASS, FUNCTIONS, written

from rnncheck import process
from rnncheck.process import Student, Unreadable

DEFINITION = "def gradients(weights, h, x, y):\n    "
HOSTILE = {
    "loop": (DEFINITION + "while True: pass", "stopped after"),
    "exit": (DEFINITION + "exit()", "line 2: SystemExit"),
    "leave": ("import os\n" + DEFINITION + "os._exit(3)", "ended the process"),
    "fork": ("import os\n" + DEFINITION + "os.fork()", "line 3: PermissionError: starts a process"),
    "run": ("import subprocess\n" + DEFINITION + "subprocess.run(['sleep', '9'])", "starts a process"),
    "memory": (DEFINITION + "return bytearray(1 << 40)", "line 2: MemoryError"),
    "print": (DEFINITION + "while True: print('x' * 1000)", "stopped after"),
    "write": (DEFINITION + "open('/tmp/charloom-evil', 'w')", "changes a file outside its folder"),
    "window": ("import tkinter\n" + DEFINITION + "tkinter.Tk()", "line 3: "),  # TclError, if this Python has tkinter
    "shadow": ("np = 3\n" + DEFINITION + "return np.zeros(3)", "line 3: AttributeError"),
    "python 2": ("print 'x'", "line 1: not valid Python 3"),
    "null byte": ("x = 1\0", "my_rnn.py: not valid Python 3: source code string cannot contain null bytes"),
    "leaves its folder": ("import os\n" + DEFINITION + "os.chdir('/')\n    return weights", ""),
    "latin-1": (
        b"# coding: latin-1\nx = '\xe5'\ndef gradients(weights, h, x, y):\n    return 1 / 0",
        "line 4: ZeroDivisionError",
    ),
    "trains in a class": ("class A:\n    while True: pass", "while it was loaded: stopped after"),
    "recursion": (DEFINITION + "return gradients(weights, h, x, y)", "line 2: RecursionError"),
    "text": (DEFINITION + "return 'x' * (1 << 20)", "returns a str"),
    "a book": (
        "book = open('goblet.txt').read()\nK = len(set(book))\n" + DEFINITION + "return K",
        "K is not defined: my_rnn.py, line 2: book is not defined: my_rnn.py, line 1 would bind it",
    ),
    "a module": (
        "import no_such_module as nn\n" + DEFINITION + "return nn.x",
        "nn is not defined: my_rnn.py, line 1: ModuleNotFoundError",
    ),
}


def grade(folder, *arguments):
    command = [sys.executable, "-m", "charloom.commands.cli", "grade", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=100)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_program_gets_one_line(tmp_path, monkeypatch, name):
    monkeypatch.setattr(process, "MEMORY", 1 << 30)
    text, reason = HOSTILE[name]
    (tmp_path / "my_rnn.py").write_bytes(text if isinstance(text, bytes) else text.encode())
    started = time.monotonic()
    with Student(tmp_path / "my_rnn.py", None, 2) as student:
        try:
            (answer,) = student.call("gradients", [[None, None, None, None]])
            error = answer.error
        except Unreadable as failure:
            error = str(failure)
    assert reason in error
    assert "\n" not in error
    assert time.monotonic() - started < 10
    assert not [p for p in psutil.Process().children(recursive=True) if "child.py" in " ".join(p.cmdline())]


def test_a_part_that_is_not_defined_leaves_no_answers_to_the_next_part(tmp_path):
    (tmp_path / "my_rnn.py").write_text("def sample(weights, h, x, n, rng):\n    return [x] * n\n")
    with Student(tmp_path / "my_rnn.py", None, 5) as student:
        for _ in range(10):
            with pytest.raises(Unreadable, match="not defined"):
                student.call("gradients", *[[[None] * 4]] * 50)
            (answer,) = student.call("sample", [[None, None, 2, 3, None]])
            assert answer.values[0]["array"] == [2, 2, 2]


@pytest.mark.slow
def test_lines_and_exit_codes(tmp_path):
    right, wrong = written(tmp_path / "right", CLASS), written(tmp_path / "wrong", FUNCTIONS, "zero_before_first")
    done = grade(tmp_path, right)
    assert done.returncode == 0
    assert done.stdout.startswith("gradients  right\nstep       not graded: not defined\n")
    assert "gradients: it clips W, U, V, b, c to ±5 itself" in done.stdout
    done = grade(tmp_path, wrong)
    assert done.returncode == 1
    assert "gradients  wrong: dW\n" in done.stdout
    assert "gradients: The state before t = 0 in the gradient of W is 0" in done.stdout
    assert "own check (sigma 0.01, h_0 = 0) does not show it" in done.stdout
    assert done.stderr.endswith("wrong: gradients\n")
    for bad in (["nothing.py"], [right, "--map", "nothing.py"], [right, "--seconds", "x"], [right.parent / "map.txt"]):
        assert grade(tmp_path, *bad).returncode == 2
    (tmp_path / "empty.py").write_text("x = 1\n")
    done = grade(tmp_path, "empty.py")
    assert (done.returncode, done.stdout) == (2, "")
    assert "neither the program nor map.py beside it defines gradients, step" in done.stderr
    (tmp_path / "raises.py").write_text("def gradients(weights, h, x, y):\n    return 1 / 0\n")
    done = grade(tmp_path, "raises.py", "--json")
    assert done.returncode == 2
    assert "nothing can be graded: gradients: raises.py, line 2: ZeroDivisionError" in done.stderr
    assert json.loads(done.stdout)[0]["parts"][0]["result"] == "not graded"


@pytest.mark.slow
def test_a_class_gets_a_table_and_a_crash_costs_nothing_else(tmp_path):
    for name, faults in (("a", ["zero_before_first"]), ("b", []), ("c", ["zero_before_first"])):
        written(tmp_path / name, FUNCTIONS, *faults)
    written(tmp_path / "d", CLASS)
    (tmp_path / "d/my_rnn.py").write_text("import os\ndef gradients(w, h, x, y):\n    os._exit(1)\n")
    (tmp_path / "d/map.py").unlink()
    files = [f"{name}/my_rnn.py" for name in "abcd"]
    done = grade(tmp_path, *files, "--csv", "grades.csv")
    assert done.returncode == 0
    rows = list(csv.DictReader((tmp_path / "grades.csv").read_text().splitlines()))
    assert [(row["file"], row["gradients"]) for row in rows] == list(
        zip(files, ["wrong", "right", "wrong", "not graded"], strict=True)
    )
    assert "2 programs: gradients: the state before t = 0" in done.stdout
    assert "d/my_rnn.py  not graded: gradients: the program ended the process that called it\n" in done.stdout
    done = grade(tmp_path, *files[:2], "--csv", ".")
    assert done.returncode != 0
    assert "a/my_rnn.py  gradients wrong" in done.stdout
    content = json.loads(grade(tmp_path, files[0], "--json").stdout)
    part = content[0]["parts"][0]
    assert (part["part"], part["result"], part["findings"][0]["named"]) == ("gradients", "wrong", True)


@pytest.mark.slow
def test_an_interrupt_leaves_no_process_and_no_copy(tmp_path):
    (tmp_path / "copies").mkdir()
    (tmp_path / "my_rnn.py").write_text(DEFINITION + "while True: pass")
    command = [sys.executable, "-m", "charloom.commands.cli", "grade", "my_rnn.py"]
    process = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "TMPDIR": str(tmp_path / "copies")})
    deadline = time.monotonic() + 30
    while not psutil.Process(process.pid).children() and time.monotonic() < deadline:
        time.sleep(0.1)
    (child,) = psutil.Process(process.pid).children()
    time.sleep(1)  # until it watches its parent
    process.send_signal(signal.SIGINT)
    process.wait(10)
    child.wait(10)
    assert not list((tmp_path / "copies").glob("charloom-grade-*"))


@pytest.mark.slow
def test_a_notebook_is_graded_without_its_magics(tmp_path):
    program = written(tmp_path, FUNCTIONS, "assigned")
    half = program.read_text().index("def lossFun")
    text = program.read_text()
    sources = [
        "# heading",
        "%matplotlib inline\n!pip install x\n" + text[:half],
        text[half:],
        "%%bash\nexit 1",
        "while True: pass",
    ]
    cells = [{"cell_type": "code", "source": source.splitlines(keepends=True)} for source in sources]
    cells[0]["cell_type"] = "markdown"
    (tmp_path / "my_rnn.ipynb").write_text(json.dumps({"cells": cells}))
    program.unlink()
    done = grade(tmp_path, "my_rnn.ipynb")
    assert "gradients  wrong: dU\n" in done.stdout
    (tmp_path / "old.ipynb").write_text('{"worksheets": []}')
    assert "old.ipynb is not a notebook of nbformat 4" in grade(tmp_path, "old.ipynb").stderr
