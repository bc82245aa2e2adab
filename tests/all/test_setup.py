"""`make setup` takes nothing away before it has something to put there."""

import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from projects import ROOT, ensure_ready

from charloom.core.base.storage import sha256


@pytest.fixture
def folder(tmp_path):
    """A folder whose environment stands for one that works."""
    (tmp_path / ".ci").mkdir()
    for name in ("Makefile", ".ci/setup", "requirements.lock", ".ci/requirements-team.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/activate").write_text(f"VIRTUAL_ENV='{tmp_path}/.venv'")
    (tmp_path / ".venv/works").write_text("")
    ensure_ready(tmp_path)
    return tmp_path


def setup(folder, *settings: str, path: str = "/usr/bin:/bin") -> str:
    """Return what `make setup` prints without a network, but for make's own lines. It leaves nothing half-made."""
    options = {
        "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null", "UV_OFFLINE": "1", "UV_PYTHON_INSTALL_DIR": "none",
        "PATH": path,
    }  # fmt: skip
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run(["make", "setup", *settings], cwd=folder, env=options, check=False, **pipes)
    printed = re.sub(r"^make: .*\n", "", done.stdout, flags=re.MULTILINE)
    assert bool(done.returncode) == ("setup: " in printed), printed
    assert not (folder / ".venv.new").exists()
    assert (folder / ".venv/works").exists()
    return printed


def tools(folder, *others: Path) -> str:
    """Return a PATH with the commands of this system, but without any Python or uv, and these others."""
    (folder / "bin").mkdir()
    system = {file.name: file for part in ("/bin", "/usr/bin") for file in Path(part).iterdir()}
    for file in [file for name, file in system.items() if not name.startswith(("python", "uv"))] + [*others]:
        (folder / "bin" / file.name).symlink_to(file)
    return str(folder / "bin")


def test_contents_decide_and_without_a_network_the_old_environment_stays(folder):
    """A lock with another time and the same contents is no reason to build; another Python is one.

    A team's packages and a Python are asked for once.
    """
    lock, team, ready = (folder / name for name in ("requirements.lock", ".ci/requirements-team.lock", ".venv/.ready"))
    lock.touch()
    assert setup(folder) == ""
    python = f"PYTHON={sys.executable}"
    refused = r"setup: pip cannot install uv: .+\n"
    assert re.fullmatch(refused, setup(folder, "TEAM=1", python))  # they would have to come from somewhere
    ready.write_text(f"{ready.read_text()}{team.read_text()}{python}\n")
    assert setup(folder, "TEAM=1", python) == setup(folder) == ""
    assert re.fullmatch(refused, setup(folder, "PYTHON=another"))
    for changed in (lock, team):
        content = changed.read_text()
        changed.write_text(f"{content}# another\n")
        assert re.fullmatch(refused, setup(folder, python))
        changed.write_text(content)


def test_a_missing_program_gets_one_line_that_says_what_to_install(folder):
    (folder / ".venv/.ready").unlink()
    path = tools(folder)
    packages = "Debian, Ubuntu: sudo apt install git make python3-venv; Fedora: "
    line = setup(folder, path=path)
    assert line.startswith(f"setup: no uv, and no Python 3 that can make an environment. {packages}")
    assert line.count("\n") == 1
    (folder / "bin/git").unlink()
    assert setup(folder, path=path).startswith(f"setup: git is missing. {packages}")


def test_uv_on_path_makes_the_environment_with_a_python_that_pyproject_allows(folder):
    """A uv that pyproject.toml does not accept counts as none."""
    (folder / ".venv/.ready").unlink()
    path = tools(folder, Path(sys.executable).with_name("uv"))
    line = setup(folder, path=path)
    assert re.fullmatch(r"setup: no Python >=3\.11,<3\.15, and uv cannot download one: .+ Debian, Ubuntu: .+\n", line)
    assert re.fullmatch(r"setup: PYTHON=snake: .*No interpreter found.*\n", setup(folder, "PYTHON=snake", path=path))
    project = folder / "pyproject.toml"
    project.write_text(project.read_text().replace(">=3.11,<3.15", ">=3.30,<3.31"))
    line = f"setup: PYTHON={sys.executable} is Python {platform.python_version()}; charloom needs Python >=3.30,<3.31\n"
    assert setup(folder, f"PYTHON={sys.executable}", path=path) == line
    project.write_text(project.read_text().replace('required-version = ">=', 'required-version = ">=9'))
    assert setup(folder, path=path).startswith("setup: no uv")


def test_setup_compiles_the_modules_that_commands_import(tmp_path):
    """Else each process compiles it where PYTHONDONTWRITEBYTECODE is set."""
    there = {"cwd": tmp_path / "new", "env": os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}}
    subprocess.run(["git", "clone", "-q", ROOT, tmp_path / "new"], check=True)
    subprocess.run(["make", "-s", "setup", f"PYTHON={sys.executable}"], check=True, **there)
    imports = [".venv/bin/python", "-v", "-c", "import charloom.core.kernel.elementary, dvc.cli"]
    done = subprocess.run(imports, check=True, capture_output=True, text=True, **there)
    files = re.findall(r"^# code object from '?(\S+site-packages\S+?)'?$", done.stderr, re.MULTILINE)
    assert len(files) > 300
    assert sum(file.endswith(".py") for file in files) < 10  # compiled in this process


def test_make_lock_refuses_a_lock_without_a_wheel_for_a_promised_platform(tmp_path):
    def checked(*tags: str) -> tuple[int, list[str]]:
        """Return exit code and lines for a lock of one package with wheels of these tags."""
        shutil.rmtree(tmp_path / "wheels", ignore_errors=True)
        (tmp_path / "wheels").mkdir()
        for tag in tags:
            with zipfile.ZipFile(tmp_path / f"wheels/each-1.0-{tag}.whl", "w") as wheel:
                for name, content in {
                    "METADATA": "Metadata-Version: 2.1\nName: each\nVersion: 1.0\n",
                    "WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
                    "RECORD": "",
                }.items():
                    wheel.writestr(zipfile.ZipInfo(f"each-1.0.dist-info/{name}"), content)  # without the time
        hashes = [f" --hash=sha256:{sha256(file)}" for file in (tmp_path / "wheels").iterdir()]
        (tmp_path / "lock").write_text(f"each==1.0{''.join(hashes)}\n")
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        options = os.environ | {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(tmp_path / "wheels"), "PATH": path}
        command = [sys.executable, ROOT / ".ci/wheels.py", tmp_path / "lock"]
        done = subprocess.run(command, env=options, check=False, capture_output=True, text=True)
        return done.returncode, [line.partition(": each==1.0 has no ")[0] for line in done.stdout.splitlines()]

    assert checked("py3-none-any") == (0, ["nothing stops Python 3.15"])
    systems = ("manylinux_2_17_x86_64", "manylinux_2_28_aarch64", "macosx_12_0_arm64")
    tags = [f"cp3{minor}-cp3{minor}-{system}" for minor in range(11, 15) for system in systems]
    assert checked(*tags) == (0, ["not yet possible: Python 3.15, x86_64-manylinux_2_28"])
    assert checked(*tags[:-1]) == (1, ["Python 3.14, aarch64-apple-darwin"])
