"""The faults of `make mutants` are of this tree: each can be planted, its tests are there, and no package has none."""

from mutants import faults
from projects import ROOT


def test_each_fault_changes_one_place_and_names_tests_that_are_there():
    for fault in faults():  # raises ValueError where a text is not there once
        assert fault.planted != fault.text, fault.name
        assert fault.tests, fault.name
        for path, _, test in (name.partition("::") for name in fault.tests):
            assert f"def {test}" in (ROOT / path).read_text(), (fault.name, test)


def test_every_package_stage_and_part_of_the_server_has_a_fault():
    files = {fault.file for fault in faults()}
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "src").rglob("__init__.py")}
    packages = {folder for folder in folders if folder.parts[1] != "charloom" or len(folder.parts) == 3}
    assert len(packages) > 15
    assert [folder for folder in packages if not any(file.startswith(f"{folder}/") for file in files)] == []
    programs = {str(path.relative_to(ROOT)) for folder in ("src", "server") for path in (ROOT / folder).glob("*.py")}
    assert programs <= files
