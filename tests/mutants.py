"""Plant one fault of mutants.toml at a time in a copy of this checkout; exit with 1 if no test fails: `make mutants`.

Two copies work at the same time, each with an environment of its own, so that their tests run their sources alone.
NAMES=a,b plants these faults only. With ALL=1, a fault that its tests miss may be caught by any test of `make test`.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
ALL = ["--ignore=tests/all"] if os.environ.get("ALL") else []  # as `make test`
LEFT_OUT = (".venv*", ".charloom", "mlflow.db*", "mlartifacts", "__pycache__", "cache")
COPIES, MAY_TAKE = 2, 1800  # seconds for the tests of a fault


def faults() -> dict[str, dict[str, Any]]:
    """Return the rows of mutants.toml by name. Raises ValueError if a text does not occur exactly once."""
    rows = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    for name, row in rows.items():
        if (count := (ROOT / row["file"]).read_text(encoding="utf-8").count(row["text"])) != 1:
            raise ValueError(f"mutants.toml: {name}: its text occurs {count} times in {row['file']}, not once")
    return rows


def copied(folder: Path) -> Path:
    """Copy this checkout into the folder, with uncommitted files and a .venv of its own; return the folder."""
    shutil.copytree(ROOT, folder / "checkout", symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
    subprocess.run(["make", "-s", "setup"], cwd=folder / "checkout", check=True, stdout=subprocess.DEVNULL)
    (folder / "checkout/.venv-ci").symlink_to(ROOT / ".venv-ci")  # what runs the workflows
    return folder


def failure(folder: Path, *options: str) -> str:
    """Run tests of the copy; return the first that fails, or how they end otherwise; "" if they pass.

    Raises RuntimeError if somebody else kills them: Ctrl-C, or a system without memory.
    """
    command = [folder / "checkout/.venv/bin/python", "-m", "pytest", "-x", "--basetemp", folder / "tests", *options]
    variables = os.environ | {"TMPDIR": str(folder), "NUMBA_CACHE_DIR": str(folder.parent / "compiled")}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=folder / "checkout", env=variables, **pipes) as tests:
        try:
            printed, _ = tests.communicate(timeout=MAY_TAKE)
        except subprocess.TimeoutExpired:
            return f"a time limit of {MAY_TAKE} s"
        finally:
            end(folder)
    if tests.returncode == -signal.SIGKILL:
        raise RuntimeError("the tests were killed")
    failed = [line.split(" ")[1] for line in printed.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return "" if tests.returncode in {0, 5} else [*failed, f"exit {tests.returncode}"][0]  # 5: no test is chosen


def end(folder: Path) -> None:
    """End every process that works below the folder: tests, and what they have started."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if Path(process.cwd()).is_relative_to(folder):
                process.kill()


def plant(folder: Path, share: list[tuple[str, dict[str, Any]]]) -> int:
    """Plant these faults in the copy, one at a time; print what catches each, and return how many live."""
    living = 0
    for name, row in share:
        file = folder / "checkout" / row["file"]
        right = file.read_text(encoding="utf-8")
        file.write_text(right.replace(row["text"], row["planted"]), encoding="utf-8")
        marked = "slow or not slow" if "slow" in row else "not slow"
        test = failure(folder, *row["tests"], "-n", "0", "-m", marked)
        if ALL and not test:
            test = failure(folder, *ALL, "-m", "not slow")
        file.write_text(right, encoding="utf-8")
        living += not test
        print(f"{'caught' if test else 'LIVES'}: {name}: {test or 'no test'}", flush=True)
    return living


def main(work: Path, chosen: dict[str, dict[str, Any]]) -> None:
    """Make the copies, run the tests without a fault, then with each."""
    began, rows = time.monotonic(), list(chosen.items())
    with ThreadPoolExecutor(COPIES) as pool:
        try:
            copies = list(pool.map(copied, [work / str(n) for n in range(COPIES)]))
            if failed := failure(copies[0], *(ALL or sorted({test for _, row in rows for test in row["tests"]}))):
                sys.exit(f"{failed}: without a fault")
            print(f"{len(chosen)} faults; without them their tests pass", flush=True)
            living = sum(pool.map(plant, copies, [rows[n::COPIES] for n in range(COPIES)]))
        finally:
            end(work)  # after Ctrl-C: the pool waits for its tests
    print(f"{len(chosen) - living} of {len(chosen)} faults are caught; {(time.monotonic() - began) / 60:.0f} min")
    sys.exit(living > 0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    names = set(filter(None, os.environ.get("NAMES", "").split(",")))
    if unknown := names - (rows := faults()).keys():
        sys.exit(f"NAMES: {min(unknown)}: not in mutants.toml")
    with TemporaryDirectory(prefix="charloom-mutants-", ignore_cleanup_errors=True) as place:
        main(Path(place).resolve(), {name: row for name, row in rows.items() if not names or name in names})
