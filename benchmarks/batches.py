"""Time a sequence of a batch, ours and JAX's, on one core and on all; write benchmarks/batches.md, in half an hour.

Each figure is the time on the wall of a process of its own, so nothing else may run; the implementations take turns,
and the median of the turns counts.
"""

import os
import statistics
import sys
from importlib.metadata import version

import llvmlite.binding as llvm
from run import BY_ADAM, CHARLOOM, HERE, OURS, timed

TURNS = 3
SIZES = ((100, 1), (100, 8), (100, 32), (512, 1), (512, 8), (512, 32), (1024, 1), (1024, 32), (2048, 1), (2048, 32))
WORK, FEWEST = 1e9, 30  # products of an update times updates, about; and updates: what comes before the first counts
LIMIT = OURS, ["limits.py"]
BATCHES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 16, 32)


def measured(way, dtype: str, m: int, batch: int, cores: int, what: str = "by_the_wall") -> float:
    """Return microseconds a sequence in a new process, on so many cores."""
    updates = max(FEWEST, round(WORK / (25 * batch * m * (m + 160))))
    return timed(way, dtype, updates, m, 80, 25, batch, cores=cores)[what] / batch


def along() -> dict[str, list[str]]:
    """Return microseconds a sequence with each of BATCHES, by dtype."""
    found = {}
    for dtype in ("float64", "float32"):
        times = [[measured(BY_ADAM[CHARLOOM], dtype, 100, each, 1) for each in BATCHES] for _ in range(TURNS)]
        found[dtype] = [f"{statistics.median(each):,.0f}" for each in zip(*times, strict=True)]
    return found


def main() -> None:
    """Measure and write."""
    all_cores = len(os.sched_getaffinity(0))
    others = [name for name in BY_ADAM if name != CHARLOOM]
    heads = ["m", "batch", "dtype", *(f"{name}: 1 core" for name in BY_ADAM), *(f"all: {name}" for name in BY_ADAM)]
    rows = []
    for m, batch in SIZES:
        for dtype in ("float64", "float32"):
            times = {(name, cores): [] for cores in (1, all_cores) for name in BY_ADAM}
            for _ in range(TURNS):
                for (name, cores), each in times.items():
                    each.append(measured(BY_ADAM[name], dtype, m, batch, cores))
            found = {key: statistics.median(each) for key, each in times.items()}
            best_on_one = min(found[name, 1] for name in others)
            best = min(found[name, cores] for name in others for cores in (1, all_cores))
            limit = min(measured(LIMIT, dtype, m, batch, 1, "microseconds") for _ in range(TURNS))
            cells = [f"{m:,}", str(batch), dtype, *(f"{each:,.0f}" for each in (*found.values(), limit))]
            cells += [f"{found[CHARLOOM, 1] / best_on_one:.2f}", f"{found[CHARLOOM, all_cores] / best:.2f}"]
            rows.append(f"| {' | '.join(cells)} |")
            print(rows[-1], flush=True)
    heads += ["limit: 1 core", "1 core: of the best other", f"{all_cores} cores: of the best other"]
    text = [
        "# A sequence of a batch, on one core and on all",
        "",
        "Written by `python benchmarks/batches.py`. Microseconds by the wall for a sequence of 25 characters, K = 80, "
        f"by Adam; medians of {TURNS} turns. *limit*: what the arithmetic, and the reading of W, take at least on one "
        "core (`limits.py`). The last column is beside JAX's best, on one core or on all. "
        "[Of a processor without AVX-512](batches_avx2.md).",
        "",
        f"On {llvm.get_host_cpu_name()}, {all_cores} cores, Python {sys.version.split()[0]}, Numba {version('numba')}.",
        "",
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
        *rows,
        "",
        "## Batches beside each other",
        "",
        "charloom alone, m = 100, one core.",
        "",
        f"| dtype | {' | '.join(map(str, BATCHES))} |",
        f"|{'---|' * (len(BATCHES) + 1)}",
        *(f"| {dtype} | {' | '.join(each)} |" for dtype, each in along().items()),
        "",
    ]
    (HERE / "batches.md").write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    main()
