"""README's program has the fault that README says, and its text names what the code has."""

import re
import subprocess
import sys
from inspect import getdoc
from pathlib import Path

import rnncheck
from rnncheck.checking import PARTS
from rnncheck.diagnosis import EQUATIONS

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
PROGRAM, CHECK, SIGNATURES = (text for language, text in BLOCKS if language == "python")


def test_the_program_and_its_check_print_what_stands_below_them(tmp_path):
    (tmp_path / "my_rnn.py").write_text(PROGRAM)
    (tmp_path / "check.py").write_text(CHECK)
    printed = subprocess.check_output([sys.executable, "check.py"], cwd=tmp_path, text=True)
    assert printed in [text for language, text in BLOCKS if not language]


def test_the_signatures_are_those_of_the_parts():
    assert dict(re.findall(r"^def (\w+)\((.*?)\)", SIGNATURES, re.MULTILINE)).keys() == PARTS.keys()
    described = dict(re.findall(r"^(\w+) +\w+\((.*?)\)", getdoc(rnncheck.check), re.MULTILINE))
    assert dict(re.findall(r"^def (\w+)\((.*?)\)", SIGNATURES, re.MULTILINE)) == described


def test_every_equation_that_a_finding_names_is_there():
    for name in EQUATIONS.values():
        assert f"{name} =" in README
    for name in "WUVbc":
        assert re.search(rf"of {name} = Σ", README)
