"""Time one update of charloom and of other implementations, with the same text and work; write benchmarks/results.md.

A figure is the median CPU time of processes on one core. Each process runs one implementation, and the implementations
run in turns. A ratio compares figures of the same run of this script.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import llvmlite.binding as llvm

HERE = Path(__file__).resolve().parent
OURS, OTHERS = sys.executable, HERE.parent / ".venv-bench/bin/python"
TURNS = 3
WAYS = {
    "NumPy, a column at a time (textbook)": (OURS, ["textbook.py"]),
    "NumPy, vectorised (`rnn.py` + `adagrad.py`)": (OURS, ["vectorised.py"]),
    "PyTorch, nn.RNN + Adagrad": (OTHERS, ["with_torch.py"]),
    "JAX, one jitted update per call": (OTHERS, ["with_jax.py", "call"]),
    "JAX, all updates fused in one scan": (OTHERS, ["with_jax.py", "scan"]),
    "JAX, fused, with W transposed": (OTHERS, ["with_jax.py", "transposed"]),
    "charloom": (OURS, ["ours.py", "adagrad"]),
}
BY_ADAM = {
    "JAX, all updates fused in one scan": (OTHERS, ["with_jax.py", "adam"]),
    "JAX, fused, with W transposed": (OTHERS, ["with_jax.py", "adam-transposed"]),
    "charloom": (OURS, ["ours.py", "adam"]),
}
_, VECTORISED, TORCH, _, FUSED, TRANSPOSED, CHARLOOM = WAYS
LIMIT = "limit"
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")} | {"CHARLOOM_THREADS": "1"}


def timed(way: tuple[str | Path, list[str]], dtype: str, updates: int, *sizes: int, cores: int = 1) -> dict[str, float]:
    """Run an implementation in a new process on `cores` cores; return its report: see `text.report`."""
    python, (script, *arguments) = way
    # Some machines set OPENBLAS_* for other programs. These variables would slow NumPy down.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")}
    environment |= ONE_THREAD if cores == 1 else {"ALL_CORES": "1", "CHARLOOM_THREADS": str(cores)}
    command = [str(python), str(HERE / script), *arguments, dtype, str(updates), *map(str, sizes)]
    if sys.platform == "linux":  # JAX keeps a second thread busy in spite of its flags, which costs CPU time
        cpus = sorted(os.sched_getaffinity(0))[-cores:]
        command = ["taskset", "--cpu-list", ",".join(map(str, cpus)), *command]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def medians(ways: dict, dtype: str, updates: int, *sizes: int) -> dict[str, float]:
    """Run the implementations in turns; return the median microseconds of each by its name."""
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(TURNS):
        for way, how in ways.items():
            # Slow implementations make fewer updates, so that a turn does not take too long.
            fewer = updates // 10 if "textbook" in way or "PyTorch" in way or "call" in way else updates
            times[way].append(timed(how, dtype, max(fewer, 3), *sizes)["microseconds"])
    print(dtype, sizes, {way: round(statistics.median(values), 1) for way, values in times.items()}, flush=True)
    return {way: statistics.median(values) for way, values in times.items()}


def headline(ways: dict) -> list[str]:
    """Return the table of one update at m = 100, K = 80, seq_length = 25."""
    measured = {dtype: medians(ways, dtype, 4000, 100, 80) for dtype in ("float64", "float32")}
    lines = [
        "| one update, µs | float64 | charloom / this row | float32 | charloom / this row |",
        "|---|---|---|---|---|",
    ]
    for way in ways:
        cells = []
        for figures in measured.values():
            cells += [f"{figures[way]:,.0f}", f"{figures[CHARLOOM] / figures[way]:.3f}"]
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    return lines


def scaling(name: str, values: list[int], axis: int) -> list[str]:
    """Return a table of one update for values of m, K or seq_length; the other two are those of the headline."""
    lines = [
        f"| {name} | dtype | NumPy, vectorised | PyTorch | JAX, fused | JAX, W transposed | charloom "
        "| charloom / fastest other | limit | charloom / limit |",
        f"|{'---|' * 10}",
    ]
    for value in values:
        for dtype in ("float64", "float32"):
            sizes = [100, 80, 25]
            sizes[axis] = value
            updates = max(100, 8000 * 100 * 180 * 25 // (sizes[0] * (sizes[0] + sizes[1]) * sizes[2]) // 8)
            others = [VECTORISED, TORCH, FUSED, TRANSPOSED]
            ways = {way: WAYS[way] for way in [*others, CHARLOOM]} | {LIMIT: (OURS, ["limits.py"])}
            figures = medians(ways, dtype, min(updates, 4000), *sizes)
            ours, limit, best = figures[CHARLOOM], figures[LIMIT], min(figures[way] for way in others)
            cells = [f"{value:,}", dtype, *(f"{figures[way]:,.0f}" for way in [*others, CHARLOOM])]
            lines.append(f"| {' | '.join(cells)} | {ours / best:.2f} | {limit:,.0f} | {ours / limit:.2f} |")
    return lines


def main() -> None:
    """Measure and write the page."""
    others = subprocess.run(
        [str(OTHERS), "-c", "import jax, torch; print('JAX', jax.__version__ + ', PyTorch', torch.__version__)"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    text = [
        "# Time of one update, compared with other implementations",
        "",
        "Written by `make bench`. Microseconds of CPU time on one core. Each process runs one implementation, the "
        f"implementations run in turns, and a number is the median of {TURNS} turns. All implementations have the "
        "same text, initial weights and work. *charloom / this row*: charloom's time divided by the row's time. "
        "*Limit*: the least time "
        "of the arithmetic and of reading W on this core (`limits.py`). If a time is below the limit, other programs "
        "used the memory while the limit was measured. [Results of a processor without AVX-512](results_avx2.md).",
        "",
        f"On {platform.machine()} ({llvm.get_host_cpu_name()}), {platform.system()}, "
        f"Python {platform.python_version()}, NumPy {version('numpy')}, Numba {version('numba')}, {others}.",
        "",
        "## m = 100, K = 80, seq_length = 25",
        "",
        *headline(WAYS),
        "",
        "## One update with Adam",
        "",
        "The rates of Adam, the mean loss and training without clipping are those of the assignment since 2025.",
        "",
        *headline(BY_ADAM),
    ]
    for name, values, axis in (
        ("m", [50, 100, 256, 512, 900, 960, 1000, 1024, 1040, 1100, 2048], 0),
        ("seq_length", [10, 200], 2),
        ("K", [30, 5000], 1),
    ):
        text += ["", f"## Other values of {name}", "", *scaling(name, values, axis)]
    (HERE / "results.md").write_text("\n".join([*text, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
