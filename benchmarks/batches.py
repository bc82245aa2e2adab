"""Time a sequence of a batch with charloom and JAX, on one core and on all cores; write benchmarks/batches.md.

A figure is the median wall time of processes, so no other program may run. The implementations run in turns. The script
takes half an hour.
"""

import os
import statistics
import sys
from importlib.metadata import version

import llvmlite.binding as llvm
from run import BY_ADAM, CHARLOOM, HERE, OURS, timed

TURNS = 3
SIZES = ((100, 1), (100, 8), (100, 32), (512, 1), (512, 8), (512, 32), (1024, 1), (1024, 32), (2048, 1), (2048, 32))
WORK = 1e9  # multiplications per timing, about
FEWEST = 30  # updates per timing at least, because a timing includes the work before the first update
LIMIT = OURS, ["limits.py"]
BATCHES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 16, 32)


def measure(way, dtype: str, m: int, batch: int, cores: int, what: str = "by_the_wall") -> float:
    """Return microseconds per sequence in a new process on `cores` cores: the value `what` of its report."""
    updates = max(FEWEST, round(WORK / (25 * batch * m * (m + 160))))
    return timed(way, dtype, updates, m, 80, 25, batch, cores=cores)[what] / batch


def along() -> dict[str, list[str]]:
    """Return, for each dtype, microseconds per sequence with each of BATCHES."""
    medians = {}
    for dtype in ("float64", "float32"):
        times = [[measure(BY_ADAM[CHARLOOM], dtype, 100, batch, 1) for batch in BATCHES] for _ in range(TURNS)]
        medians[dtype] = [f"{statistics.median(values):,.0f}" for values in zip(*times, strict=True)]
    return medians


def main() -> None:
    """Measure and write the page."""
    all_cores = len(os.sched_getaffinity(0))
    others = [name for name in BY_ADAM if name != CHARLOOM]
    heads = [
        "m",
        "batch",
        "dtype",
        *(f"{name}: 1 core" for name in BY_ADAM),
        *(f"{name}: all cores" for name in BY_ADAM),
    ]
    rows = []
    for m, batch in SIZES:
        for dtype in ("float64", "float32"):
            times = {(name, cores): [] for cores in (1, all_cores) for name in BY_ADAM}
            for _ in range(TURNS):
                for (name, cores), values in times.items():
                    values.append(measure(BY_ADAM[name], dtype, m, batch, cores))
            medians = {key: statistics.median(values) for key, values in times.items()}
            best_on_one = min(medians[name, 1] for name in others)
            best = min(medians[name, cores] for name in others for cores in (1, all_cores))
            limit = min(measure(LIMIT, dtype, m, batch, 1, "microseconds") for _ in range(TURNS))
            cells = [f"{m:,}", str(batch), dtype, *(f"{value:,.0f}" for value in (*medians.values(), limit))]
            cells += [f"{medians[CHARLOOM, 1] / best_on_one:.2f}", f"{medians[CHARLOOM, all_cores] / best:.2f}"]
            rows.append(f"| {' | '.join(cells)} |")
            print(rows[-1], flush=True)
    heads += ["limit: 1 core", "charloom / JAX: 1 core", f"charloom / JAX: {all_cores} cores"]
    text = [
        "# Time per sequence of a batch, on one core and on all cores",
        "",
        "Written by `python benchmarks/batches.py`. Microseconds of wall time per sequence of 25 characters, K = 80, "
        f"with Adam; medians of {TURNS} turns. *Limit*: the least time of the arithmetic and of reading W on one core "
        "(`limits.py`). *charloom / JAX* divides charloom's time by JAX's shortest time. The last column divides "
        "charloom's time on all cores by JAX's shortest time on one core or on all cores. "
        "[Results of a processor without AVX-512](batches_avx2.md).",
        "",
        f"On {llvm.get_host_cpu_name()}, {all_cores} cores, Python {sys.version.split()[0]}, Numba {version('numba')}.",
        "",
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
        *rows,
        "",
        "## Other sizes of a batch",
        "",
        "Microseconds per sequence; charloom only, m = 100, one core.",
        "",
        f"| dtype | {' | '.join(map(str, BATCHES))} |",
        f"|{'---|' * (len(BATCHES) + 1)}",
        *(f"| {dtype} | {' | '.join(cells)} |" for dtype, cells in along().items()),
        "",
    ]
    (HERE / "batches.md").write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    main()
