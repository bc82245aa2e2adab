"""Time each stage, `make run`, `dvc exp run -S eta=…` and proofs as whole processes; write benchmarks/stages.md.

    python benchmarks/stages.py                       this checkout
    python benchmarks/stages.py OTHER . --turns 5     another one first, `make setup` done in it; they take turns

Seconds depend on the machine, so two references stand beside them, timed in the same turns: *i*, the time of
`python -c "import mlflow"`, and `dvc exp run` of six stages that do nothing. The median of the turns counts.
"""

import argparse
import os
import platform
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import llvmlite.binding as llvm

HERE = Path(__file__).resolve().parent
STAGES = ("prepare", "gradcheck", "train", "sample", "plot", "track")
PROOFS = ("charloom verify", "charloom verify --quick", "charloom summary --base HEAD~1")
COMPILING = ("gradcheck", "train", "sample")
FEWER = 1000  # updates of a second training: the difference is what updates take
NOTHING = "stages:\n" + "".join(
    f"  {name}:\n    cmd: echo > {name}\n    params: [eta]\n    outs: [{name}: {{cache: false}}]\n" for name in STAGES
)


class Checkout:
    """A clone of a checkout, run with the checkout's own environment."""

    def __init__(self, source: Path, folder: Path) -> None:
        """Clone it into the folder, and run the pipeline there."""
        self.name = subprocess.check_output(
            ["git", "-C", source, "log", "-1", "--format=%h, %cd", "--date=short"], text=True
        ).strip()
        self.folder, self.etas = folder, 0
        subprocess.run(["git", "clone", "--quiet", source, folder], check=True)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "MLFLOW_"))}
        self.environment = kept | {
            "PATH": f"{source / '.venv/bin'}:{kept['PATH']}",
            "NUMBA_CACHE_DIR": str(folder / "compiled"),
        }
        self.run("dvc repro --force")
        # The committed record may be another processor's, whose measured errors are not in this cache.
        self.run("git -c user.name=a -c user.email=a@example.invalid commit --all --allow-empty --quiet --message ours")
        self.updates = int(re.search(r"updates: (\d+)", self.params.read_text())[1])

    @property
    def params(self) -> Path:
        """Return the file of params."""
        return self.folder / "params.yaml"

    def run(self, command: str, **environment: str) -> float:
        """Return how many seconds the command takes."""
        started = time.perf_counter()
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=self.environment | environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{self.folder}: {command}: {done.stdout}")
        return time.perf_counter() - started

    def stage(self, name: str, **environment: str) -> float:
        """Return the seconds of a stage alone."""
        return self.run(f"python src/{name}.py", DVC_STAGE=name, **environment)

    def trained(self, updates: int) -> float:
        """Return the seconds of a training with so many updates."""
        before = self.params.read_text()
        self.params.write_text(re.sub(r"updates: \d+", f"updates: {updates}", before))
        seconds = self.stage("train", MLFLOW_TRACKING_URI=f"sqlite:///{self.folder}/fewer.db")
        self.params.write_text(before)
        return seconds

    def tracked(self) -> float:
        """Return the seconds of `track` with a store that does not know the run."""
        with sqlite3.connect(self.folder / "mlflow.db") as store:
            store.execute("update tags set value = 'another ' || value where key = 'charloom.experiment'")
        store.close()
        return self.stage("track")

    def experiment(self) -> float:
        """Return the seconds of `dvc exp run` with an eta that nobody has run."""
        self.etas += 1
        seconds = self.run(f"dvc exp run -S eta={0.1 + self.etas / 1000}")
        self.run("git restore . && dvc checkout && dvc repro")
        return seconds

    def cold(self) -> float:
        """Return how many seconds longer the stages take that compile, where nothing is compiled yet."""
        with tempfile.TemporaryDirectory() as empty:
            return sum(self.stage(name, NUMBA_CACHE_DIR=empty) - self.stage(name) for name in COMPILING)


def nothing(folder: Path, environment: dict[str, str]) -> Callable[[], float]:
    """Return a function that times `dvc exp run` of stages that do nothing."""
    folder.mkdir()
    (folder / "dvc.yaml").write_text(NOTHING)
    (folder / "params.yaml").write_text("eta: 0\n")
    commands = "git init -q && dvc init -q && dvc config core.analytics false && git add . && git commit -qm empty"
    subprocess.run(["bash", "-c", commands], cwd=folder, env=environment, check=True)
    etas = iter(range(1, 1000))

    def experiment() -> float:
        started = time.perf_counter()
        subprocess.run(["dvc", "exp", "run", "-q", "-S", f"eta={next(etas)}"], cwd=folder, env=environment, check=True)
        return time.perf_counter() - started

    return experiment


def measured(checkouts: list[Checkout], turns: int, folder: Path) -> tuple[dict, dict]:
    """Return the medians of the references by name, and those of each checkout by its name and what was timed."""
    references, times = defaultdict(list), defaultdict(list)
    empty = nothing(folder, checkouts[-1].environment)
    for turn in range(turns):
        references["i"].append(checkouts[-1].run("python -c 'import mlflow'"))
        references["empty"].append(empty())
        for each in checkouts:
            timed: dict[str, Callable[[], float]] = {name: lambda n=name, c=each: c.stage(n) for name in STAGES[:-1]}
            timed |= {
                "track": each.tracked,
                "fewer": lambda c=each: c.trained(FEWER),
                "dvc exp run": each.experiment,
                "make run": lambda c=each: c.run("python src/prepare.py --check && dvc repro --force"),
            }
            timed |= {command: lambda c=each, command=command: c.run(command) for command in PROOFS}
            if turn == 0:
                timed["cold"] = each.cold
            for what, function in timed.items():
                times[each.name, what].append(function())
            print(turn, each.name, {what: round(times[each.name, what][-1], 2) for what in timed}, flush=True)
    return (*({key: statistics.median(values) for key, values in each.items()} for each in (references, times)),)


def table(checkouts: list[Checkout], references: dict, times: dict, turns: int) -> list[str]:
    """Return the page's lines."""
    i, empty = references["i"], references["empty"]
    lines = [
        "# What a stage and an experiment take",
        "",
        f"Written by `python benchmarks/stages.py`. Seconds of whole processes, medians of {turns} turns (the cold "
        f"start once). *i* is the time of `python -c 'import mlflow'`: {i:.2f} s here. `dvc exp run` of six "
        f"stages that do nothing: {empty:.2f} s.",
        "",
        f"On {platform.machine()} ({llvm.get_host_cpu_name()}), {os.cpu_count()} cores, {platform.system()}, Python "
        f"{platform.python_version()}; PYTHONDONTWRITEBYTECODE is {'' if sys.dont_write_bytecode else 'not '}set.",
        "",
        "| | " + " | ".join(f"{each.name}: s | in *i*" for each in checkouts) + " |",
        "|---|" + "---|" * 2 * len(checkouts),
    ]

    def row(what: str, seconds: Callable[[Checkout], float]) -> str:
        values = [seconds(each) for each in checkouts]
        return f"| {what} | " + " | ".join(f"{value:.2f} | {value / i:.2f}" for value in values) + " |"

    def updates(each: Checkout) -> float:
        train, fewer = times[each.name, "train"], times[each.name, "fewer"]
        return (train - fewer) * each.updates / (each.updates - FEWER)

    for stage in STAGES:
        if stage == "train":
            lines.append(row("train, beside its updates", lambda each: times[each.name, "train"] - updates(each)))
        else:
            lines.append(row(stage, lambda each, stage=stage: times[each.name, stage]))
    return [
        *lines,
        row("100,000 updates", updates),
        row("compiling, where nothing is compiled yet", lambda each: times[each.name, "cold"]),
        row("`make run`, the environment there", lambda each: times[each.name, "make run"]),
        row("`dvc exp run -S eta=…`", lambda each: times[each.name, "dvc exp run"]),
        row("… beside updates and empty stages", lambda each: times[each.name, "dvc exp run"] - updates(each) - empty),
        *(row(f"`{command}`", lambda each, command=command: times[each.name, command]) for command in PROOFS),
        "",
    ]


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", nargs="*", type=Path, default=[HERE.parent])
    parser.add_argument("--turns", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        checkouts = [Checkout(each.resolve(), Path(folder, str(n))) for n, each in enumerate(asked.checkouts)]
        references, times = measured(checkouts, asked.turns, Path(folder, "nothing"))
        (HERE / "stages.md").write_text("\n".join(table(checkouts, references, times, asked.turns)), encoding="utf-8")


if __name__ == "__main__":
    main()
