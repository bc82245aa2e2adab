"""Each package stands alone: its wheel in an empty environment, with the oldest and newest versions that it allows."""

import subprocess
import sys
from pathlib import Path

import pytest
from projects import ROOT

PACKAGES = [path.parent.name for path in sorted((ROOT / "packages").glob("*/pyproject.toml"))]
OLDEST, NEWEST = (3, 11), (3, 14)  # Python's versions; .ci/newest_python runs this file under the newest


def run(*command: str | Path, folder: Path = ROOT) -> None:
    done = subprocess.run(command, cwd=folder, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize(("version", "resolution"), [(OLDEST, "lowest-direct"), (NEWEST, "highest")])
def test_a_package_passes_its_tests_in_an_environment_of_its_own(tmp_path, package, version, resolution):
    if sys.version_info[:2] != version:
        pytest.skip(f"this is Python {sys.version_info[0]}.{sys.version_info[1]}, not {version[0]}.{version[1]}")
    folder, uv = ROOT / "packages" / package, Path(sys.executable).with_name("uv")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, folder=folder)
    (wheel,) = tmp_path.glob("*.whl")
    run(uv, "venv", "-q", "--python", sys.executable, tmp_path / "env")
    python = tmp_path / "env/bin/python"
    run(uv, "pip", "install", "-q", "--python", python, "--resolution", resolution, f"{wheel}[test]")
    run(tmp_path / "env/bin" / package, "--help")
    tests = ["-c", folder / "pyproject.toml", "-m", "not slow", folder / "tests"]
    run(python, "-P", "-m", "pytest", *tests, folder=tmp_path)


def test_all_packages_and_charloom_have_one_version():
    files = [ROOT / "pyproject.toml", *(ROOT / "packages" / package / "pyproject.toml" for package in PACKAGES)]
    lines = {line for file in files for line in file.read_text().splitlines() if line.startswith("version = ")}
    assert len(lines) == 1, lines
