"""cases.json and answers.json: verdicts equal to those of `check`, and files that nobody can judge."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from layouts import FUNCTIONS, LAYOUTS, gradients
from program_answers import answers, report
from test_samplers import DRAWN, SAMPLER
from test_steps import ADAGRAD, RIGHT, functions

import rnncheck
from rnncheck import cli
from rnncheck.cases import About
from rnncheck.checking import checked
from rnncheck.verdicts import sentence

WHOLE = {
    "gradients": gradients(FUNCTIONS),
    "step": functions(ADAGRAD, RIGHT)["step"],
    "following": functions(SAMPLER, DRAWN)["following"],
    "sample": functions(SAMPLER, DRAWN)["sample"],
}


def command(folder, *arguments):
    line = [sys.executable, "-m", "rnncheck.cli", *map(str, arguments)]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False, timeout=100)


def verdicts(report):
    """Return what has to be equal in both ways."""
    return [(verdict.part, verdict.result, verdict.about, verdict.findings) for verdict in report.parts]


@pytest.mark.slow
def test_a_program_has_equal_verdicts_through_answers(tmp_path):
    direct = rnncheck.check(**WHOLE, quiet=True, seed="anna")
    through = report(tmp_path / "answers.json", WHOLE, About(seed="anna"))
    assert verdicts(through) == verdicts(direct)
    assert {v.part: v.result for v in through.parts} == {**dict.fromkeys(WHOLE, "right"), "losses": "not checked"}


SOME = [("class", "added_up"), ("rows", "factor")]
ALL = [(name, fault) for name, layout in LAYOUTS.items() for fault in layout.faults if (name, fault) not in SOME]


@pytest.mark.parametrize(("name", "fault"), [*SOME, *(pytest.param(*pair, marks=pytest.mark.slow) for pair in ALL)])
def test_a_fault_has_the_same_name_through_answers(tmp_path, name, fault):
    wrong = {"gradients": gradients(LAYOUTS[name], fault)}
    direct, through = rnncheck.check(**wrong, quiet=True), report(tmp_path / "answers.json", wrong)
    assert verdicts(direct) == verdicts(through)
    assert direct.parts[0].findings[0].named


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYOUTS)
def test_right_programs_of_several_sizes_and_seeds_are_right_in_both_ways(tmp_path, name):
    rng = np.random.default_rng(9)
    for seed in range(4):
        m, K = rng.choice(np.arange(2, 40), 2, replace=False).tolist()  # equal ones hide a transposed matrix
        about = About(str(seed), m, K, (1, 2, int(rng.integers(3, 12)), int(rng.integers(12, 40))))
        right = {"gradients": gradients(LAYOUTS[name])}
        direct, through = checked(right, about, None), report(tmp_path / "answers.json", right, about)
        assert verdicts(direct) == verdicts(through)
        assert (direct.parts[0].result, direct.findings) == ("right", []), (m, K, seed)


@pytest.mark.slow
def test_each_seed_has_its_own_cases(tmp_path):
    assert answers(WHOLE, About(seed="anna"))
    lines = [command(tmp_path, "cases", *seed).stdout for seed in ([], ["--seed", "anna"], ["--seed", "bob"])]
    calls = [json.loads(line)["gradients"][0]["weights"]["W"]["data"] for line in lines]
    assert calls[0] != calls[1] != calls[2] != calls[0]
    copied = json.loads(answers({"gradients": WHOLE["gradients"]}, About(seed="anna")))
    copied["cases"]["seed"] = "bob"
    (tmp_path / "answers.json").write_text(json.dumps(copied))
    assert command(tmp_path, "answers", "answers.json").returncode == 1


@pytest.fixture(scope="module")
def right():
    """Return the answers of a right program."""
    return json.loads(answers({"gradients": WHOLE["gradients"]}))


def changed(content, *path, value):
    """Return a copy of the answers with a value at the path."""
    content = here = json.loads(json.dumps(content))
    for key in path[:-1]:
        here = here[key]
    here[path[-1]] = value
    return json.dumps(content)


HOSTILE = {
    "nan": lambda right: changed(right, "gradients", 3, "loss", value=float("nan")),
    "null": lambda right: changed(right, "gradients", 3, "gradients", "dW", "data", value=[None] * 49),
    "1e999": lambda right: changed(right, "gradients", 3, "loss", value="#").replace('"#"', "1e999"),
    "10**400": lambda right: changed(right, "gradients", 3, "loss", value=10**400),
    "10**5000": lambda right: changed(right, "gradients", 3, "loss", value="#").replace('"#"', "1" + "0" * 5000),
    "text": lambda right: changed(right, "gradients", 3, "loss", value="=HYPERLINK(1)"),
    "shape": lambda right: changed(right, "gradients", 3, "h", "shape", value=[9, 9]),
    "negative shape": lambda right: changed(right, "gradients", 3, "h", "shape", value=[-7]),
    "text as shape": lambda right: changed(right, "gradients", 3, "h", "shape", value="ab"),
    "nested data": lambda right: changed(right, "gradients", 3, "h", "data", value=[[1]] * 7),
    "no list": lambda right: changed(right, "gradients", value=7),
    "empty": lambda right: changed(right, "gradients", value=[]),
    "truncated list": lambda right: changed(right, "gradients", value=right["gradients"][:5]),
    "other eta": lambda right: changed(right, "eta", value=10**400),
    "huge sizes": lambda right: changed(right, "cases", "m", value=10**9),
    "sizes as texts": lambda right: changed(right, "cases", "K", value="11"),
    "true": lambda right: changed(right, "cases", "m", value=True),
    "many lengths": lambda right: changed(right, "cases", "lengths", value=[200] * 1000),
    "a formula as seed": lambda right: changed(right, "cases", "seed", value="=1+1"),
    "no cases": lambda right: json.dumps({"gradients": right["gradients"]}),
    "a list": lambda _: "[]",
    "no text": lambda _: "",
    "truncated": lambda right: json.dumps(right)[:-1000],
    "deep": lambda _: "[" * 1_000_000,
    "deep value": lambda right: changed(right, "gradients", 3, "loss", value="#").replace('"#"', "[" * 900 + "]" * 900),
    "no utf-8": lambda _: b'{"cases": "\xff"}',
    "an error": lambda right: changed(right, "gradients", 2, value={"error": "line 3:\nno\x1b[2J"}),
    "an object as error": lambda right: changed(right, "gradients", 2, value={"error": {"a": [1]}}),
}


@pytest.mark.slow
def test_hostile_answers_get_a_line_each_and_the_others_are_judged(tmp_path, right):
    names = []
    for name, made in HOSTILE.items():
        text = made(right)
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        names.append(name)
    with (tmp_path / "100 MB").open("wb") as file:
        file.truncate(100 << 20)
    (tmp_path / "wide").write_text("[" + "[]," * 6_000_000 + "[]]")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "right")
    (tmp_path / "right").write_text(json.dumps(right))
    names += ["100 MB", "wide", "fifo", "folder", "link", "missing", "right"]
    done = command(tmp_path, "answers", *names, "--csv", "grades.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == len(names)
    assert "\x1b" not in done.stdout
    rows = {row["file"]: row for row in csv.DictReader((tmp_path / "grades.csv").read_text().splitlines())}
    assert list(rows) == names
    wrong = {name for name, row in rows.items() if row["gradients"] == "wrong"}
    assert wrong == {"nan", "null", "1e999"}
    assert {name for name, row in rows.items() if row["gradients"] == "right"} == {"right"}
    assert all(row["findings"] for name, row in rows.items() if name != "right")
    for name in ("nan", "10**400", "truncated", "fifo"):
        done = command(tmp_path, "answers", name)
        assert done.returncode == (1 if name in wrong else 2)
        assert "Traceback" not in done.stderr
        assert len(done.stderr.splitlines()) == (name not in wrong)


@pytest.mark.slow
def test_the_table_follows_no_link_and_replaces_no_answers(tmp_path, right):
    (tmp_path / "answers.json").write_text(json.dumps(right))
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "grades.csv").symlink_to(tmp_path / "precious")
    assert command(tmp_path, "answers", "answers.json", "--csv", "grades.csv").returncode == 0
    assert (tmp_path / "precious").read_text() == "mine"
    assert "answers.json,,right" in (tmp_path / "grades.csv").read_text()
    for bad in ("answers.json", "nowhere/grades.csv", "."):
        done = command(tmp_path, "answers", "answers.json", "--csv", bad)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
    assert json.loads((tmp_path / "answers.json").read_text()) == right
    assert {file.name for file in tmp_path.iterdir()} == {"answers.json", "precious", "grades.csv"}


@pytest.mark.parametrize(
    "bad",
    [
        ["--sizes", "3"], ["--sizes", "3,x,5"], ["--sizes", "1,5,5"], ["--sizes", "200,200,9"], ["--seed", "=1"],
        ["--sizes", "5,5,999"], ["--seed", "a" * 41],
    ],
)  # fmt: skip
def test_wrong_options_get_a_line(bad, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["rnncheck", "cases", *bad])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert "allowed" in err


OCTAVE = Path(__file__).parent


@pytest.mark.slow
def test_a_program_in_octave_is_right_or_has_its_fault_named(tmp_path):
    octave = shutil.which("octave-cli") or shutil.which("octave")
    if octave is None:
        pytest.skip("octave-cli is not installed: rnncheck.m is not tested")
    (tmp_path / "rnncheck.m").write_text(command(tmp_path, "cases", "--matlab").stdout)
    (tmp_path / "cases.json").write_text(command(tmp_path, "cases", "--seed", "anna").stdout)
    program = (OCTAVE / "my_rnn.m").read_text()
    for name, text in (("right", program), ("wrong", program.replace("w.W' * d(:, t)", "w.W * d(:, t)"))):
        (tmp_path / "my_rnn.m").write_text(text.replace("answers.json", f"{name}.json"))
        subprocess.run([octave, "--no-init-file", "my_rnn.m"], cwd=tmp_path, check=True, timeout=100)
    done = command(tmp_path, "answers", "right.json")
    assert (done.returncode, done.stdout.count("right")) == (0, 5)
    done = command(tmp_path, "answers", "wrong.json")
    assert done.returncode == 1
    assert sentence({"carry": "transposed"})[1:] in done.stdout
