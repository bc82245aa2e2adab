"""CONTRIBUTING lists the private parts of libraries that our code uses: an upgrade has to look at these."""

import ast
import inspect
import re
from importlib.metadata import version
from pathlib import Path
from pkgutil import resolve_name

import pytest
from projects import ROOT

ROW = re.compile(r"^\| (\w+) ([\d.]+) \| ((?:`[\w.]+`(?:, )?)+) \|", re.MULTILINE)
TABLE = ROW.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
PARTS = {name: library for library, _, cell in TABLE for name in re.findall(r"`([\w.]+)`", cell)}
PUBLIC = {"_replace", "_fields", "_asdict", "_make", "_exit", "_value_"}  # of named tuples, os and enum


def own_files() -> list[Path]:
    return [*ROOT.glob("src/**/*.py"), *ROOT.glob("packages/*/src/**/*.py")]


@pytest.mark.parametrize(("library", "tried"), sorted({row[:2] for row in TABLE}))
def test_installed_versions_are_those_with_which_private_parts_were_tried(library, tried):
    assert version(library) == tried


@pytest.mark.parametrize("part", PARTS)
def test_a_private_part_exists(part):
    owner, _, name = part.rpartition(".")
    holder = resolve_name(owner)
    assert hasattr(holder, name) or f"self.{name}" in inspect.getsource(holder)


def test_the_list_has_every_private_part_that_our_code_uses():
    own, used = set(PUBLIC), dict[str, Path]()
    for file in own_files():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                    own.add(name)
                case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                    own.add(name)
                case ast.Attribute(attr=name):
                    used[name] = file
                case ast.ImportFrom(module=str(module)):
                    used |= dict.fromkeys([*module.split("."), *(alias.name for alias in node.names)], file)
    private = {name: file for name, file in used.items() if re.match("_[^_]", name) and name not in own}
    listed = {name for part in PARTS for name in part.split(".")}
    assert private.keys() <= listed, {name: str(private[name]) for name in private.keys() - listed}
