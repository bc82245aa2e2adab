"""The faults of `make mutants` are of this tree: each can be planted, its test is there, and no package has none."""

from mutants import faults
from projects import ROOT

from charloom.core.network.recipe import OPTIMIZERS


def test_each_fault_can_be_planted_and_each_package_has_one():
    files = [ROOT / fault.file for fault in faults().values()]  # raises ValueError: its lines say what to do
    packages = [path.parent for top in ("src", "packages/*/src") for path in ROOT.glob(f"{top}/**/__init__.py")]
    assert len(packages) > 15
    assert [package for package in packages if not any(file.is_relative_to(package) for file in files)] == []
    optimisers = {ROOT / "src" / f"{kind.__module__.replace('.', '/')}.py" for kind in OPTIMIZERS.values()}
    assert optimisers - {*files} == set(), "tests/mutants.toml has no fault of these optimisers"
