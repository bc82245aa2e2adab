"""The faults of `make mutants` are of this tree: each can be planted, its tests are there, and no package has none."""

from pathlib import Path

from mutants import faults
from projects import ROOT


def test_each_fault_changes_one_place_and_names_tests_that_are_there():
    for name, row in faults().items():  # raises ValueError where a text is not there once
        assert row["planted"] != row["text"], name
        assert row["tests"], name
        for path, _, test in (each.partition("::") for each in row["tests"]):
            assert not test or f"def {test}(" in (ROOT / path).read_text(), (name, test)


def test_every_package_every_stage_and_the_server_have_a_fault():
    files = {row["file"] for row in faults().values()}
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "src").rglob("__init__.py")}
    whole = {Path("src/charloom"), Path("src/charloom/core")}  # their sub-packages count
    packages = {folder for folder in folders if folder.parent in whole | {Path("src")}} - whole
    assert len(packages) > 15
    assert [folder for folder in packages if not any(file.startswith(f"{folder}/") for file in files)] == []
    assert {f"src/{path.name}" for path in (ROOT / "src").glob("*.py")} <= files
    assert any(file.startswith("server/") for file in files)
