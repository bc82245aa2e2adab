"""Time one update of charloom and of others, with the same text and work; write benchmarks/performance.md.

    python benchmarks/run.py              three turns of four minutes on a quiet machine
    python benchmarks/run.py --turns 1

A figure is the median CPU time of processes on one core. Each process runs one implementation, and the implementations
run in turns, so a ratio compares figures of the same minutes. The page is written after each turn. On a processor with
AVX-512, all rows are measured twice: with its own code, and with code for processors that have AVX2 only.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path

import llvmlite.binding as llvm

HERE = Path(__file__).resolve().parent
OURS, OTHERS = sys.executable, HERE.parent / ".venv-bench/bin/python"
TORCH, LIMIT, CHARLOOM = "PyTorch", "limit", "charloom"
WAYS = {
    "NumPy": (OURS, ["vectorised.py"]),
    TORCH: (OTHERS, ["with_torch.py"]),
    "JAX": (OTHERS, ["with_jax.py", "scan"]),
    LIMIT: (OURS, ["limits.py"]),
    CHARLOOM: (OURS, ["ours.py", "adagrad"]),
}
BY_ADAM = {
    "JAX": (OTHERS, ["with_jax.py", "adam"]),
    LIMIT: (OURS, ["limits.py"]),
    CHARLOOM: (OURS, ["ours.py", "adam"]),
}
HEADLINE = (100, 80, 25, 1)  # m, K, seq_length, batch; PyTorch, which is slow, runs only this size
SINGLE = (HEADLINE, (512, 80, 25, 1), (1024, 80, 25, 1))
BATCHES = ((100, 80, 25, 32), (512, 80, 25, 32), (1024, 80, 25, 32))
PAGE, BY_HAND = HERE / "performance.md", "## Where others are faster"
WORK, FEWEST = 4e9, 40  # multiplications of a timing, about, and its least number of updates
NATIVE = "AVX-512" if llvm.get_host_cpu_features().get("avx512f") else llvm.get_host_cpu_name()
CODE = {NATIVE: {}} | ({} if NATIVE != "AVX-512" else {"AVX2": {
    "NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "", "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR", "OPENBLAS_CORETYPE": "Haswell",
    "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}})  # fmt: skip
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")} | {"CHARLOOM_THREADS": "1"}


def timed(way: tuple[str | Path, list[str]], dtype: str, updates: int, *sizes: int, code: str = NATIVE) -> float:
    """Run an implementation in a new process on one core; return the microseconds of its report: see `text.report`."""
    python, (script, *arguments) = way
    # Some machines set OPENBLAS_* for other programs. These variables would slow NumPy down.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")}
    command = [str(python), str(HERE / script), *arguments, dtype, str(updates), *map(str, sizes)]
    if sys.platform == "linux":  # JAX keeps a second thread busy in spite of its flags, which costs CPU time
        command = ["taskset", "--cpu-list", str(max(os.sched_getaffinity(0))), *command]
    environment |= ONE_THREAD | CODE[code]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)["microseconds"]


def measure(times: dict) -> None:
    """Run every implementation once, and append its microseconds to times[code, sizes, dtype, way]."""
    for code in CODE:
        for sizes in (*SINGLE, *BATCHES):
            m, K, T, batch = sizes
            updates = max(FEWEST, min(4000, round(WORK / (T * batch * m * (m + 2 * K)))))
            for dtype in ("float64", "float32"):
                for way, how in (BY_ADAM if batch > 1 else WAYS).items():
                    if way != TORCH or sizes == HEADLINE:
                        count = updates // 10 if way == TORCH else updates
                        times[code, sizes, dtype, way].append(
                            timed(how, dtype, count, *sizes[: 3 + (batch > 1)], code=code)
                        )
                        print(code, sizes, dtype, way, round(times[code, sizes, dtype, way][-1]), flush=True)


def table(medians: dict, sizes_of_rows: tuple, ways: list[str]) -> list[str]:
    """Return a table with a row for each code, size and dtype, and a column for each of `ways`."""
    heads = ["code", "m", "dtype", *ways, f"{CHARLOOM} / fastest other", f"{CHARLOOM} / {LIMIT}"]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for code in CODE:
        for sizes in sizes_of_rows:
            for dtype in ("float64", "float32"):
                row = {way: medians.get((code, sizes, dtype, way)) for way in ways}
                others = [figure for way, figure in row.items() if figure and way not in (CHARLOOM, LIMIT)]
                ratios = [f"{row[CHARLOOM] / other:.2f}" for other in (min(others), row[LIMIT])]
                cells = ["" if figure is None else f"{figure:,.0f}" for figure in row.values()]
                lines.append(f"| {' | '.join([code, f'{sizes[0]:,}', dtype, *cells, *ratios])} |")
    return lines


def page(medians: dict, turns: int, by_hand: str) -> str:
    """Return the page, which ends with the sections that were measured by hand."""
    others = subprocess.run(
        [str(OTHERS), "-c", "import jax, torch; print('JAX', jax.__version__ + ', PyTorch', torch.__version__)"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    update, batch = (medians[NATIVE, sizes, "float64", CHARLOOM] for sizes in (HEADLINE, BATCHES[1]))
    first = {
        "an update of one sequence, m = 100, float64": f"{update:,.0f} µs",
        "an update of a batch of 32 sequences, m = 512, float64": f"{batch / 1000:,.1f} ms",
    }
    return "\n".join([
        "# Performance",
        "",
        "| | |",
        "|---|---|",
        *(f"| {what} | {time} |" for what, time in first.items()),
        "",
        "The tables are written by `python benchmarks/run.py`: microseconds of CPU time for an update of sequences of "
        f"25 characters, K = 80, on one core, medians of {turns} turn{'s' * (turns > 1)}. Each process runs one "
        "implementation, and the implementations run in turns, with the same text, initial weights and work. JAX: all "
        "updates fused in one scan. *Limit*: the least time of the arithmetic, without fused multiply-add, and of "
        "reading W (`limits.py`). *Code*: the instructions that all implementations may use; AVX2 is that of "
        "processors without AVX-512, on the same core.",
        "",
        f"On {platform.machine()} ({llvm.get_host_cpu_name()}), {platform.system()}, Python "
        f"{platform.python_version()}, NumPy {version('numpy')}, Numba {version('numba')}, {others}.",
        "",
        "## One sequence per update, with AdaGrad",
        "",
        *table(medians, SINGLE, list(WAYS)),
        "",
        "## A batch, with Adam",
        "",
        *table(medians, BATCHES, list(BY_ADAM)),
        "",
        by_hand,
    ])  # fmt: skip


def main() -> None:
    """Measure, and write the page after each turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3)
    times: dict = defaultdict(list)
    for turn in range(parser.parse_args().turns):
        measure(times)
        medians = {key: statistics.median(values) for key, values in times.items()}
        _, head, by_hand = PAGE.read_text(encoding="utf-8").partition(BY_HAND)  # kept
        PAGE.write_text(page(medians, turn + 1, head + by_hand), encoding="utf-8")


if __name__ == "__main__":
    main()
