"""`make setup` takes nothing away before it has something to put there."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from projects import ROOT


@pytest.fixture
def folder(tmp_path):
    """A folder whose environment stands for one that works."""
    for name in ("Makefile", "requirements.lock", "requirements-team.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/activate").write_text(f"VIRTUAL_ENV='{tmp_path}/.venv'")
    (tmp_path / ".venv/works").write_text("")
    shutil.copy(ROOT / "requirements.lock", tmp_path / ".venv/.ready")
    return tmp_path


def setup(folder, *settings: str) -> int:
    """Return the exit code of `make setup` without a network."""
    options = {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1", "PIP_CONFIG_FILE": "/dev/null", "PATH": "/usr/bin:/bin"}
    command = ["make", "setup", f"PYTHON={sys.executable}", *settings]
    return subprocess.run(command, cwd=folder, env=options, check=False, capture_output=True).returncode


def test_contents_decide_and_without_a_network_the_old_environment_stays(folder):
    """A lock with another time and the same contents is no reason to build. A team's packages are asked for once."""
    lock, team, ready = (folder / name for name in ("requirements.lock", "requirements-team.lock", ".venv/.ready"))
    lock.touch()
    assert setup(folder) == 0
    assert not (folder / ".venv.new").exists()
    assert setup(folder, "TEAM=1") != 0  # they would have to come from somewhere
    ready.write_text(ready.read_text() + team.read_text())
    assert setup(folder, "TEAM=1") == setup(folder) == 0
    for changed in (lock, team):
        content = changed.read_text()
        changed.write_text(f"{content}# another\n")
        assert setup(folder) != 0
        assert (folder / ".venv/works").exists()
        changed.write_text(content)


def test_what_commands_import_is_compiled_at_set_up(tmp_path):
    """Else each process compiles it where PYTHONDONTWRITEBYTECODE is set."""
    there = {"cwd": tmp_path / "new", "env": os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}}
    subprocess.run(["git", "clone", "-q", ROOT, tmp_path / "new"], check=True)
    subprocess.run(["make", "-s", "setup", f"PYTHON={sys.executable}"], check=True, **there)
    imports = [".venv/bin/python", "-v", "-c", "import charloom.kernel.elementary, dvc.cli"]
    done = subprocess.run(imports, check=True, capture_output=True, text=True, **there)
    files = re.findall(r"^# code object from '?(\S+site-packages\S+?)'?$", done.stderr, re.MULTILINE)
    assert len(files) > 300
    assert sum(file.endswith(".py") for file in files) < 10  # compiled in this process
