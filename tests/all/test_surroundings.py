"""The same bytes whatever the clock, the locale, the terminal or the folder; and any Unicode text will do."""

import json
import os
import pty
import subprocess
import time
from pathlib import Path

import pytest

from charloom.base.terminal import visible

STAGES = ("prepare", "gradcheck", "train", "sample")
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


def again(project, *stages: str, **variables: str) -> None:
    """Run the stages again, each in a process of its own; their outputs go first, as when DVC runs them."""
    for name in ("models", "plots", "metrics", "reports"):
        for file in (project.folder / name).rglob("*"):
            if file.is_file() and file.name != ".gitignore":
                file.unlink()
    for stage in stages:
        project.run("python", f"src/{stage}.py", **variables)


def results(project) -> dict[str, bytes]:
    """Return the outputs of STAGES."""
    return {
        name: content
        for name, content in project.contents().items()
        if not name.startswith("reports") or name.endswith("json")
    }


def test_locale_time_zone_hash_seed_terminal_umask_and_folder_change_nothing(project, tmp_path):
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
        project.run("sh", "-c", f"umask 077 && python src/{stage}.py", **variables)
    assert results(project) == before


def test_nobody_has_to_listen(project):
    before = results(project)
    again(project)
    project.run("bash", "-c", " && ".join(f"python src/{stage}.py >&- 2>&- <&-" for stage in STAGES))
    assert results(project) == before


@pytest.mark.parametrize("closing", ["> /dev/full", "| true"])
def test_a_full_disk_under_what_a_stage_prints_ends_it_and_the_next_start_ends_with_the_same_bytes(project, closing):
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
    project.edit("params.yaml", "updates: 400", "updates: 400000")
    project.edit("params.yaml", "save_every: 100", "save_every: 10000")
    project.edit("params.yaml", "checkpoint_every: 200", "checkpoint_every: 100000")
    project.run("python", "src/gradcheck.py")
    again(project, *STAGES)
    before = results(project)
    again(project)
    clock, soon = project.folder / "clock", project.folder / "clock.soon"
    clock.write_text("+0d")
    variables = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1"}
    variables |= {"TZ": "Europe/Stockholm", "FAKETIME_DONT_RESET": "1"}
    for stage in STAGES:
        with subprocess.Popen(
            ["python", f"src/{stage}.py"], cwd=project.folder, env=project.environment() | variables,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            jumps = 0
            while process.poll() is None:
                jumps += 1
                soon.write_text("+10d" if jumps % 2 else "-10d")
                soon.rename(clock)
                time.sleep(0.05)
        assert process.returncode == 0
    assert results(project) == before


ODD = "a\0b\x1b[31mc\x07\x7f\x85d\r"
TURNED = "\u202eabc\u202c שלום \u2067x\u2069"


def test_a_terminal_gets_no_control_characters_and_a_pipe_gets_them_raw(project):
    (project.folder / "data/fox.txt").write_text(ODD * 40 + TURNED * 40)
    project.edit("params.yaml", "updates: 400", "updates: 40")
    again(project, *STAGES)
    command = f"charloom sample --length 300 --prime '{TURNED}'"
    variables = project.environment()
    raw = subprocess.run(["sh", "-c", command], cwd=project.folder, env=variables, capture_output=True, check=True)
    piped = raw.stdout.decode()
    assert {"\x1b", "\u202e", "\x00"} <= set(piped)
    ours, terminal = pty.openpty()
    subprocess.run(["sh", "-c", command], cwd=project.folder, env=variables, stdout=terminal, check=True)
    shown = os.read(ours, 100_000).decode().removesuffix("\x1b[0m").replace("\r\n", "\n")  # a library says goodbye
    os.close(ours)
    os.close(terminal)
    assert [character for character in shown if not (character.isprintable() or character == "\n")] == []
    assert shown == visible(piped)
    printed = project.run("charloom", "sample", "--model", "no\x1b[31m.npz", expect=2)
    assert printed.startswith("no\\x1b[31m.npz: No such file")


def test_ids_of_four_bytes_go_through_training(project):
    (project.folder / "data/fox.txt").write_text("".join(chr(i) for i in range(0x20000, 0x20000 + 65_600)) * 2)
    for old, new in [("m: 8", "m: 2"), ("seq_length: 10", "seq_length: 2"), ("entries: 10000", "entries: 3")]:
        project.edit("params.yaml", old, new)
    project.edit("params.yaml", "updates: 400", "updates: 4")
    again(project, *STAGES)
    assert json.loads((project.folder / "metrics/prepare.json").read_text())["K"] == 65_600
