"""A class of check scripts: each has its row, and no script keeps the others from theirs."""

import csv
import time

import pytest
from layouts import FUNCTIONS, source
from test_files import command

CHECK = """
import rnncheck
from my_rnn import lossFun

def gradients(weights, h, x, y):
    loss, *grads, last = lossFun(list(x), list(y), h, *(weights[n] for n in "WUVbc"))
    return loss, dict(zip(("dW", "dU", "dV", "db", "dc"), grads)), last

rnncheck.check(gradients=gradients)
"""
HOSTILE = {
    "endless": "while True: pass",
    "prints": "while True: print('x' * 10000)",
    "leaves": "import os; os._exit(3)",
    "raises": "import rnncheck\n1 / 0\nrnncheck.check()",
    "stays": "import subprocess; subprocess.Popen(['sleep', '99'])\n" + CHECK,
    "forges": "import os; open(os.environ['RNNCHECK_REPORT'], 'w').write('{\"parts\": 7}')",
    "forges deeply": "import os; open(os.environ['RNNCHECK_REPORT'], 'w').write('[' * 100000)",
    "links": "import os; os.symlink('/etc/passwd', os.environ['RNNCHECK_REPORT'])",
    "pipes": "import os; os.mkfifo(os.environ['RNNCHECK_REPORT'])",
    "writes": "import os; open(os.environ['RNNCHECK_REPORT'], 'wb').write(bytes(1 << 27))",
    "removes": "import os, shutil; shutil.rmtree(os.path.dirname(os.environ['RNNCHECK_REPORT']))",
    "no python": "print 'x'",
    "nothing": "",
}


def script(folder, text, *faults):
    folder.mkdir()
    (folder / "my_rnn.py").write_text(source(FUNCTIONS, *faults))
    (folder / "check.py").write_text(text)
    return f"{folder.name}/check.py"


@pytest.mark.slow
def test_a_class_has_a_row_for_each_script_whatever_one_of_them_does(tmp_path):
    hostile = [script(tmp_path / name, text) for name, text in HOSTILE.items()]
    names = [script(tmp_path / "right", CHECK), *hostile, "missing.py"]
    names += [script(tmp_path / name, CHECK, "zero_before_first") for name in "ab"]
    started = time.monotonic()
    done = command(tmp_path, "class", *names, "--csv", "grades.csv", "--seconds", "5")
    assert (done.returncode, len(done.stderr.splitlines())) == (0, 1)
    assert time.monotonic() - started < 60
    rows = {row["file"]: row for row in csv.DictReader((tmp_path / "grades.csv").read_text().splitlines())}
    assert list(rows) == names
    results = {name: row["gradients"] for name, row in rows.items()}
    assert [name for name, result in results.items() if result == "right"] == ["right/check.py", "stays/check.py"]
    assert [name for name, result in results.items() if result == "wrong"] == ["a/check.py", "b/check.py"]
    assert "stopped after 5 seconds" in rows["endless/check.py"]["findings"]
    assert "ZeroDivisionError" in rows["raises/check.py"]["findings"]
    assert "exit code 3" in rows["leaves/check.py"]["findings"]
    assert all(row["findings"] for name, row in rows.items() if results[name] != "right")
    assert "2 programs: gradients: the state before t = 0" in done.stdout


@pytest.mark.slow
def test_a_single_script_has_the_exit_code_of_its_verdict(tmp_path):
    right, wrong = script(tmp_path / "right", CHECK), script(tmp_path / "wrong", CHECK, "transposed")
    assert command(tmp_path, "class", right).returncode == 0
    done = command(tmp_path, "class", wrong)
    assert done.returncode == 1
    assert "gradients  wrong: db, dU, dW\n" in done.stdout
    done = command(tmp_path, "class", script(tmp_path / "nothing", "x = 1"))
    assert done.returncode == 2
    assert "never calls rnncheck.check" in done.stderr
    for bad in ("0", "x", "1e3"):
        assert command(tmp_path, "class", right, "--seconds", bad).returncode == 2
