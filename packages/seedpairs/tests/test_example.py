"""The package by itself: README's examples, and nothing of a program that was run."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HOUSE = ("charloom", "numba", "pandas", "matplotlib", "mlflow", "pydantic", "rich")


def test_the_examples_print_the_output_below_them_without_any_other_package(tmp_path):
    _, command, printed, example, answer = FENCED.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    bare = f"import sys\nsys.path.insert(0, {str(ROOT / 'src')!r})\n"
    bare += f"sys.modules |= dict.fromkeys({HOUSE!r})\n"  # None there: its import is an error
    table = re.search(r"<<END\n(.*?)END\nseedpairs (.*)", command[1], re.DOTALL)
    (tmp_path / "runs.csv").write_text(table[1])
    called = f"from seedpairs.cli import main\nmain({table[2].split()!r})\n"
    for code, expected in ((called, printed[1]), (example[1], answer[1])):
        run = [sys.executable, "-I", "-c", bare + code]
        done = subprocess.run(run, cwd=tmp_path, check=False, capture_output=True, text=True, env={"COLUMNS": "80"})
        assert (done.stdout, done.stderr) == (expected, "")


def test_any_reader_and_terminal_is_served(tmp_path):
    """A reader that ends early gets no traceback; a terminal without a letter shows its number."""
    (tmp_path / "runs.csv").write_text("name,seed,loss\na,1,1\na,2,2\n名,1,1.5\n名,2,2\n", encoding="utf-8")
    options = ["--setting", "name", "--seed", "seed", "--measure", "loss", "--better", "lower"]
    command = [sys.executable, "-m", "seedpairs.cli", "runs.csv", *options]
    variables = os.environ | {"PYTHONIOENCODING": "latin-1"}
    printed = subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.PIPE, env=variables).stdout
    assert b"\\u540d" in printed
    read, write = os.pipe()
    os.close(read)  # as `| head` does
    variables, full = os.environ | {"PYTHONUNBUFFERED": ""}, os.open("/dev/full", os.O_WRONLY)
    for output, reason in (write, b"[Errno 32] Broken pipe\n"), (full, b"[Errno 28] No space left on device\n"):
        done = subprocess.run(command, cwd=tmp_path, stdout=output, stderr=subprocess.PIPE, check=False, env=variables)
        os.close(output)
        assert (done.returncode, done.stderr) == (2, reason)
    assert subprocess.run(["sh", "-c", f"{shlex.join(command)} >&-"], cwd=tmp_path, check=False).returncode == 0


def test_no_sentence_is_about_text_models():
    for file in (ROOT / "src/seedpairs").glob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"params\.yaml|smooth loss|uniform guess|bits per character", text), file
