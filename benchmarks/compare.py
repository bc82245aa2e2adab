"""Time `charloom compare` on 1,000 DVC experiments and on a table of 10,000 rows; write benchmarks/compare.md.

The experiments are commits in DVC's format, with each Git object in a file of its own. The script also times
`dvc exp show` on these experiments. Each figure is from a new process.
"""

import os
import platform
import random
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from experiments import commit, of  # noqa: E402  in tests/, which the line above adds to sys.path

SETTINGS, SEEDS = 100, 10  # the experiments: settings, and seeds of each setting
TABLES = [(10, 1_000), (1_000, 10)]  # each table: settings, and seeds of each setting
TURNS = 5
MEASURE = """
import resource, subprocess, sys, time
began = time.monotonic()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss, file=sys.stderr)
"""


def main() -> None:
    """Measure and write the page."""
    tools = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = folder / "project"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(project)], check=True)
        commit(project, experiments(project))
        compare = [str(tools / "charloom"), "compare"]
        lines = [line("`charloom compare`", compare, project, TURNS)]
        lines += [
            line("`charloom compare --format json`, with the curves", [*compare, "--format", "json"], project, TURNS)
        ]
        for settings, seeds in TABLES:
            write_table(folder / "results.csv", settings, seeds)
            columns = f"--table {folder}/results.csv --setting lr --seed seed --measure loss --better lower".split()
            name = f"`charloom compare --table`, {settings:,} settings, {seeds:,} seeds"
            lines += [line(name, [*compare, *columns], project, TURNS)]
        lines += [line("`dvc exp show --csv`, the first run", [str(tools / "dvc"), "exp", "show", "--csv"], project, 1)]
    text = Path(__file__).with_suffix(".md")
    text.write_text(
        f"""# Comparing many runs

Written by `python benchmarks/compare.py`: {SETTINGS * SEEDS:,} DVC experiments ({SETTINGS} settings with {SEEDS} seeds
each), and tables of 10,000 rows. A row has the numbers of a whole process, the fastest of {TURNS}; `dvc exp show` ran
once. CPU seconds include Git's processes. Memory is the largest peak of a single process. If the seconds are much
larger than the CPU seconds, other programs were running.

On {platform.machine()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}.

| command | seconds | CPU seconds | memory, MB |
|---|---|---|---|
{"".join(lines)}"""
    )


def experiments(project: Path) -> dict[str, dict[str, str]]:
    """Return the files of each experiment, by name: params, metrics and a curve that no other experiment has."""
    chance = random.Random(1)  # noqa: S311  it draws values for a benchmark, no secrets
    curve = (project / "plots/smooth_loss.csv").read_text()
    runs = {}
    for n in range(SETTINGS):
        for seed in range(1, SEEDS + 1):
            eta = 0.005 + n / 100  # no value equals that of HEAD
            bits = 2.8 + (eta - 0.3) ** 2 / 10 + chance.gauss(0, 0.03)
            files = of(project, bits, eta=round(eta, 4), seed=seed)
            runs[f"exp-{n}-{seed}"] = files | {"plots/smooth_loss.csv": curve.replace("\n100,1", f"\n100,{n}{seed}1")}
    own = {seed: of(project, 2.8 + chance.gauss(0, 0.03), seed=seed) for seed in range(2, SEEDS + 1)}
    return runs | {f"own-{seed}": files for seed, files in own.items()}


def write_table(path: Path, settings: int, seeds: int) -> None:
    """Write a table with a row for each setting and seed."""
    chance = random.Random(1)  # noqa: S311  it draws values for a benchmark, no secrets
    rows = [
        f"{n},{seed},{2.8 + n / 100 + chance.gauss(0, 1)!r},{chance.random()!r}\n"
        for n in range(settings)
        for seed in range(seeds)
    ]
    path.write_text("".join(["lr,seed,loss,accuracy\n", *rows]))


def line(name: str, command: list[str], folder: Path, turns: int) -> str:
    """Return the table row of a command: its fastest turn."""
    seconds, cpu, memory = min(_run(command, folder) for _ in range(turns))
    print(f"{name}: {seconds:.2f} s, {cpu:.2f} s of CPU, {memory:.0f} MB", flush=True)
    return f"| {name} | {seconds:.2f} | {cpu:.2f} | {memory:.0f} |\n"


def _run(command: list[str], folder: Path) -> tuple[float, float, float]:
    """Return seconds, CPU seconds and megabytes of one run. Exit if the command fails.

    A small process starts the command and measures it, because the peak of a process includes the memory of its parent.
    """
    done = subprocess.run(
        [sys.executable, "-S", "-c", MEASURE, *command], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"no measurement, because {command} failed: {done.stderr}")
    seconds, cpu, memory = map(float, done.stderr.split()[-3:])
    return seconds, cpu, memory / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    main()
