"""The same bytes whatever the clock, the locale, the terminal or the folder."""

import time
from pathlib import Path

import pytest
from projects import started

STAGES = ("prepare", "gradcheck", "train", "sample")
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


def again(project, *stages: str) -> None:
    """Remove the results, as DVC does, and run the stages, each in a process of its own."""
    for name in ("models", "plots", "metrics", "reports"):
        for file in (project.folder / name).rglob("*"):
            if file.is_file() and file.name != ".gitignore":
                file.unlink()
    for stage in stages:
        project.run("python", f"src/{stage}.py")


def results(project) -> dict[str, bytes]:
    """Return the outputs of STAGES."""
    made = project.contents().items()
    return {name: content for name, content in made if not name.startswith("reports") or name.endswith("json")}


def test_surroundings_such_as_locale_umask_and_closed_streams_change_nothing(project, tmp_path):
    before = results(project)
    folder = tmp_path / "ein größerer Ordner — mit 'Zeichen'"
    project.folder.rename(folder)
    project.folder = folder
    again(project)
    variables = {
        "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "TZ": "XXX-26YYY,0/0,J365/23",
        "PYTHONHASHSEED": "99", "COLUMNS": "1", "TERM": "dumb", "HOME": "/nonexistent",
    }  # fmt: skip
    for stage in STAGES:
        for streams in ("", ">&- 2>&- <&-"):  # the second time nobody listens
            project.run("sh", "-c", f"umask 077 && python src/{stage}.py {streams}", **variables)
    assert results(project) == before


@pytest.mark.parametrize("closing", ["> /dev/full", "| true"])
def test_a_full_disk_below_stdout_ends_a_stage_and_the_next_has_the_same_bytes(project, closing):
    before = results(project)
    again(project)
    for stage in STAGES:
        printed = project.run("bash", "-c", f"set -o pipefail; python src/{stage}.py {closing}", expect=5)
        assert printed.count("\n") == 1
        assert "Traceback" not in printed
        project.run("python", f"src/{stage}.py")
    assert results(project) == before


@pytest.mark.skipif(FAKETIME is None, reason="needs libfaketime")
def test_a_clock_that_jumps_ten_days_to_and_fro_changes_nothing(project):
    project.set(updates=400000, save_every=10000, checkpoint_every=100000)
    project.run("python", "src/gradcheck.py")
    again(project, *STAGES)
    before = results(project)
    again(project)
    clock, soon = project.folder / "clock", project.folder / "clock.soon"
    clock.write_text("+0d")
    variables = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1"}
    variables |= {"TZ": "Europe/Stockholm", "FAKETIME_DONT_RESET": "1"}
    for stage in STAGES:
        process, jumps = started(project, "python", f"src/{stage}.py", **variables), 0
        while process.poll() is None:
            jumps += 1
            soon.write_text("+10d" if jumps % 2 else "-10d")
            soon.rename(clock)
            time.sleep(0.05)
        assert process.returncode == 0, project.log()
    assert results(project) == before
