"""Time each stage, `make run`, `dvc exp run -S eta=…` and proofs as whole processes; write benchmarks/stages.md.

    python benchmarks/stages.py                       this checkout
    python benchmarks/stages.py OTHER . --turns 5     another checkout, after `make setup` in it, and this one, in turns

Seconds depend on the machine, so the script also times two references in the same turns: *i*, the time of
`python -c "import mlflow"`, and `dvc exp run` of six empty stages. A number is the median of the turns.
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
import yaml

HERE = Path(__file__).resolve().parent
STAGES = tuple(yaml.safe_load((HERE.parent / "dvc.yaml").read_text(encoding="utf-8"))["stages"])
PROOFS = ("charloom verify", "dvc-proof summary --base HEAD~1")
COMPILING = ("gradcheck", "train", "sample")
FEWER = 1000  # updates of a second training: the difference of both trainings is the time of updates
NOTHING = "stages:\n" + "".join(
    f"  {name}:\n    cmd: echo > {name}\n    params: [eta]\n    outs: [{name}: {{cache: false}}]\n" for name in STAGES
)


class Checkout:
    """A clone of a checkout, which runs with the environment of the checkout."""

    def __init__(self, source: Path, folder: Path) -> None:
        """Clone the source into the folder, and run the pipeline there."""
        self.name = subprocess.check_output(
            ["git", "-C", source, "log", "-1", "--format=%h, %cd", "--date=short"], text=True
        ).strip()
        self.folder, self.etas = folder, 0
        subprocess.run(["git", "clone", "--quiet", "--no-local", source, folder], check=True)
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "MLFLOW_"))}
        self.environment = environment | {
            "PATH": f"{source / '.venv/bin'}:{environment['PATH']}",
            "NUMBA_CACHE_DIR": str(folder / "compiled"),
        }
        self.run("dvc repro --force")
        # The committed dvc.lock may be from another processor, whose gradcheck results are not in this cache.
        self.run("git -c user.name=a -c user.email=a@example.invalid commit --all --allow-empty --quiet --message ours")
        self.updates = int(re.search(r"updates: (\d+)", self.params.read_text())[1])

    @property
    def params(self) -> Path:
        """Return the path of params.yaml."""
        return self.folder / "params.yaml"

    def run(self, command: str, **environment: str) -> float:
        """Run the command and return its seconds. Raise SystemExit with its output if it fails."""
        started = time.perf_counter()
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=self.environment | environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{self.folder}: {command}: {done.stdout}")
        return time.perf_counter() - started

    def stage(self, name: str, **environment: str) -> float:
        """Run one stage and return its seconds."""
        return self.run(f"python src/{name}.py", DVC_STAGE=name, **environment)

    def train(self, updates: int) -> float:
        """Train for this number of updates and return the seconds."""
        before = self.params.read_text()
        self.params.write_text(re.sub(r"updates: \d+", f"updates: {updates}", before))
        seconds = self.stage("train", MLFLOW_TRACKING_URI=f"sqlite:///{self.folder}/fewer.db")
        self.params.write_text(before)
        return seconds

    def track(self) -> float:
        """Run `track` with a store that does not contain the run, and return its seconds."""
        with sqlite3.connect(self.folder / "mlflow.db") as store:
            store.execute("update tags set value = 'another ' || value where key = 'charloom.experiment'")
        store.close()
        return self.stage("track")

    def experiment(self) -> float:
        """Run `dvc exp run` with a new eta and return its seconds."""
        self.etas += 1
        seconds = self.run(f"dvc exp run -S eta={0.1 + self.etas / 1000}")
        self.run("git restore . && dvc checkout && dvc repro")
        return seconds

    def compile(self) -> float:
        """Return the additional seconds of the stages that compile, with an empty cache of compiled code."""
        with tempfile.TemporaryDirectory() as empty:
            return sum(self.stage(name, NUMBA_CACHE_DIR=empty) - self.stage(name) for name in COMPILING)


def nothing(folder: Path, environment: dict[str, str]) -> Callable[[], float]:
    """Return a function that times `dvc exp run` of empty stages."""
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


def measure(checkouts: list[Checkout], turns: int, folder: Path) -> tuple[dict, dict]:
    """Return two dicts of medians: {reference: seconds}, and {(checkout, timing): seconds}."""
    references, times = defaultdict(list), defaultdict(list)
    empty = nothing(folder, checkouts[-1].environment)
    for turn in range(turns):
        references["i"].append(checkouts[-1].run("python -c 'import mlflow'"))
        references["empty"].append(empty())
        for checkout in checkouts:
            timings: dict[str, Callable[[], float]] = {
                name: lambda n=name, c=checkout: c.stage(n) for name in STAGES[:-1]
            }
            timings |= {
                "track": checkout.track,
                "fewer": lambda c=checkout: c.train(FEWER),
                "dvc exp run": checkout.experiment,
                "make run": lambda c=checkout: c.run("python src/prepare.py --check && dvc repro --force"),
            }
            timings |= {command: lambda c=checkout, command=command: c.run(command) for command in PROOFS}
            if turn == 0:
                timings["compilation"] = checkout.compile
            for name, function in timings.items():
                times[checkout.name, name].append(function())
            print(turn, checkout.name, {name: round(times[checkout.name, name][-1], 2) for name in timings}, flush=True)
    references, times = ({key: statistics.median(values) for key, values in d.items()} for d in (references, times))
    return references, times


def table(checkouts: list[Checkout], references: dict, times: dict, turns: int) -> list[str]:
    """Return the lines of the page."""
    i, empty = references["i"], references["empty"]
    lines = [
        "# Time of each stage and of an experiment",
        "",
        f"Written by `python benchmarks/stages.py`. Seconds of whole processes, medians of {turns} turns (compilation: "
        f"one turn). *i* is the time of `python -c 'import mlflow'`, here {i:.2f} s; a column *s / i* has the seconds "
        f"divided by *i*. A column's name begins with the measured commit. `dvc exp run` of six "
        f"empty stages takes {empty:.2f} s.",
        "",
        f"On {platform.machine()} ({llvm.get_host_cpu_name()}), {os.cpu_count()} cores, {platform.system()}, Python "
        f"{platform.python_version()}; PYTHONDONTWRITEBYTECODE is {'' if sys.dont_write_bytecode else 'not '}set.",
        "",
        "| | " + " | ".join(f"{checkout.name}: s | s / *i*" for checkout in checkouts) + " |",
        "|---|" + "---|" * 2 * len(checkouts),
    ]

    def row(name: str, seconds: Callable[[Checkout], float]) -> str:
        values = [seconds(checkout) for checkout in checkouts]
        return f"| {name} | " + " | ".join(f"{value:.2f} | {value / i:.2f}" for value in values) + " |"

    def updates(checkout: Checkout) -> float:
        train, fewer = times[checkout.name, "train"], times[checkout.name, "fewer"]
        return (train - fewer) * checkout.updates / (checkout.updates - FEWER)

    for stage in STAGES:
        if stage == "train":
            lines.append(row("train, without its updates", lambda c: times[c.name, "train"] - updates(c)))
        else:
            lines.append(row(stage, lambda c, stage=stage: times[c.name, stage]))
    return [
        *lines,
        row("100,000 updates", updates),
        row("compilation, with an empty cache", lambda c: times[c.name, "compilation"]),
        row("`make run`, with the environment installed", lambda c: times[c.name, "make run"]),
        row("`dvc exp run -S eta=…`", lambda c: times[c.name, "dvc exp run"]),
        row(
            "the row above, without updates and without the time of empty stages",
            lambda c: times[c.name, "dvc exp run"] - updates(c) - empty,
        ),
        *(row(f"`{command}`", lambda c, command=command: times[c.name, command]) for command in PROOFS),
        "",
    ]


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", nargs="*", type=Path, default=[HERE.parent])
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        checkouts = [Checkout(source.resolve(), Path(folder, str(n))) for n, source in enumerate(options.checkouts)]
        references, times = measure(checkouts, options.turns, Path(folder, "nothing"))
        (HERE / "stages.md").write_text("\n".join(table(checkouts, references, times, options.turns)), encoding="utf-8")


if __name__ == "__main__":
    main()
