"""Time sampling and scoring with charloom and with NumPy, with the pipeline's best model; write benchmarks/writing.md.

A figure of the first table is the median wall time per character of processes on one core, or on all cores in the last
row. The implementations run in turns. `python benchmarks/writing.py WAY DTYPE` runs one process.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np

from charloom.core.model.model_file import read_model
from charloom.core.network import rnn
from charloom.core.network.recipe import KERNEL
from charloom.core.network.rnn import Parameters
from charloom.core.network.state import BLOCK
from charloom.sampling.writing import Choice, blocks

ROOT = Path(__file__).resolve().parent.parent
MODEL, NOVEL = ROOT / "models/best.npz", ROOT / "data/moby_dick.txt"
TURNS, MANY, MEGABYTE = 5, 64, 1_000_000
ALL = Choice(1.0)


def choice(theta, h, x, count):
    """Write one text like min-char-rnn, with column vectors and np.random.choice."""
    W, U, V, b, c = theta.W, theta.U, theta.V, theta.b[:, None], theta.c[:, None]
    h, one = h[:, None], np.zeros((theta.K, 1), h.dtype)
    one[x] = 1
    for _ in range(count):
        h = np.tanh(np.dot(U, one) + np.dot(W, h) + b)
        y = np.dot(V, h) + c
        p = np.exp(y) / np.sum(np.exp(y))
        i = np.random.choice(range(theta.K), p=p.ravel().astype(float) / p.sum(dtype=float))  # noqa: NPY002  the benchmark times this function
        one = np.zeros((theta.K, 1), h.dtype)
        one[i] = 1


def vectorised(theta, h, x, count):
    """Write one text with a row of Uᵀ, a cumulative sum and a binary search."""
    W, UT, V, b, c = theta.W, np.ascontiguousarray(theta.U.T), theta.V, theta.b, theta.c
    uniform = np.random.default_rng(1).random(count)
    for u in uniform:
        h = np.tanh(W @ h + UT[x] + b)
        o = V @ h + c
        sums = np.exp(o - o.max()).cumsum()
        x = sums.searchsorted(u * sums[-1], side="right")


def vectorised_many(theta, h, x, count):
    """Write MANY texts at once, with matrices instead of vectors."""
    WT, UT, VT, b, c = theta.W.T.copy(), np.ascontiguousarray(theta.U.T), theta.V.T.copy(), theta.b, theta.c
    uniform = np.random.default_rng(1).random((count, MANY, 1))
    h, x = np.tile(h, (MANY, 1)), np.full(MANY, x)
    for u in uniform:
        h = np.tanh(h @ WT + UT[x] + b)
        o = h @ VT + c
        sums = np.exp(o - o.max(axis=1, keepdims=True)).cumsum(axis=1)
        x = (sums <= u * sums[:, -1:]).sum(axis=1)


def ours(theta, h, x, count, texts=1, filters=ALL):
    """Write with charloom, as `charloom sample` does."""
    random = [np.random.default_rng(n) for n in range(texts)]
    written = blocks(theta, np.tile(h, (texts, 1)), np.full(texts, x), random, filters, KERNEL)
    list(islice(written, count // BLOCK))


def ours_many(theta, h, x, count):
    """Write MANY texts at once with charloom."""
    ours(theta, h, x, count, MANY)


def ours_nucleus(theta, h, x, count):
    """Write one text with charloom, from the 0.9 nucleus of the 40 likeliest characters."""
    ours(theta, h, x, count, filters=Choice(0.8, 40, 0.9))


WAYS = {
    "one text: as in min-char-rnn, with `np.random.choice`": (choice, 1, 2_000),
    "one text: NumPy, vectorised": (vectorised, 1, 10_000),
    "one text: charloom": (ours, 1, 256 * 200),
    "one text: charloom, top_k 40, top_p 0.9, temperature 0.8": (ours_nucleus, 1, 256 * 100),
    f"{MANY} texts at once: NumPy, vectorised": (vectorised_many, MANY, 1_000),
    f"{MANY} texts at once: charloom": (ours_many, MANY, 256 * 10),
    f"{MANY} texts at once: charloom, all cores": (ours_many, MANY, 256 * 10),
}


def work(way: str, dtype: str) -> None:
    """Write texts with an implementation; print the microseconds per character."""
    model = read_model(MODEL)
    theta = Parameters(model.theta.flat.astype(dtype), model.theta.m, model.theta.K)
    write, texts, count = WAYS[way]
    arguments = theta, model.h.astype(dtype), model.first
    write(*arguments, BLOCK)  # compiles, and fills caches
    began = time.perf_counter()
    write(*arguments, count)
    print(json.dumps((time.perf_counter() - began) / count / texts * 1e6))


def microseconds(way: str, dtype: str) -> float:
    """Return the microseconds per character in a new process."""
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")} | threads
    command = [sys.executable, __file__, way, dtype]
    if sys.platform == "linux" and "all cores" not in way:
        command = ["taskset", "--cpu-list", str(max(os.sched_getaffinity(0))), *command]
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def table() -> list[str]:
    """Return the table of implementations."""
    times = {(way, dtype): [] for way in WAYS for dtype in ("float64", "float32")}
    for _ in range(TURNS):
        for (way, dtype), values in times.items():
            values.append(microseconds(way, dtype))
    median = {key: statistics.median(values) for key, values in times.items()}
    rows = [
        "| µs per character | float64 | charloom / this row | float32 | charloom / this row |",
        "|---|---|---|---|---|",
    ]
    for way, (_, texts, _) in WAYS.items():
        cells = []
        for dtype in ("float64", "float32"):
            best = median["one text: charloom" if texts == 1 else f"{MANY} texts at once: charloom", dtype]
            share = "" if "charloom" in way else f"{best / median[way, dtype]:.2f}"
            cells += [f"{median[way, dtype]:.2f}", share]
        rows.append(f"| {way} | {' | '.join(cells)} |")
    return rows


def scoring() -> list[str]:
    """Return a table of the seconds of scoring a megabyte of the novel, with the command and with NumPy."""
    text = NOVEL.read_bytes()[:MEGABYTE]
    while True:  # drop bytes until the last character is whole
        try:
            characters = text.decode()
            break
        except UnicodeDecodeError:
            text = text[:-1]
    model = read_model(MODEL)
    ids, h = model.vocabulary.encode(characters), np.zeros(model.theta.m)
    seconds = {"`charloom score`, the whole command": [], "`rnn.py` alone, 100 characters at a time": []}
    for _ in range(TURNS):
        began = time.perf_counter()
        subprocess.run(["charloom", "score", "-"], cwd=ROOT, input=text, check=True, capture_output=True)
        seconds["`charloom score`, the whole command"].append(time.perf_counter() - began)
        began, state = time.perf_counter(), h
        for start in range(0, len(ids) - 1, 100):
            states, o = rnn.forward(model.theta, ids[start : min(start + 100, len(ids) - 1)], state)
            state, _ = states[-1], rnn.log_softmax(o)
        seconds["`rnn.py` alone, 100 characters at a time"].append(time.perf_counter() - began)
    rows = [f"| seconds for {len(text):,} bytes, {len(characters):,} characters | |", "|---|---|"]
    return rows + [f"| {way} | {statistics.median(values):.2f} |" for way, values in seconds.items()]


def loading() -> list[str]:
    """Return a table of the seconds in which MLflow loads the newest logged model, and in which it writes a text."""
    folder = max((ROOT / "mlartifacts/models").glob("m-*/artifacts"), key=lambda path: path.stat().st_mtime)
    code = (
        "import sys, time, mlflow.pyfunc; began = time.perf_counter(); model = mlflow.pyfunc.load_model(sys.argv[1]); "
        "loaded = time.perf_counter(); model.predict({'prime': 'the '}); "
        "print(loaded - began, time.perf_counter() - loaded)"
    )
    seconds = []
    for _ in range(TURNS):
        done = subprocess.run([sys.executable, "-c", code, folder], cwd="/", check=True, capture_output=True, text=True)
        seconds.append(tuple(map(float, done.stdout.split())))
    load, predict = (statistics.median(values) for values in zip(*seconds, strict=True))
    rows = ["| seconds, after `import mlflow.pyfunc` | |", "|---|---|"]
    return [*rows, f"| `mlflow.pyfunc.load_model` | {load:.2f} |", f"| the first 200 characters | {predict:.3f} |"]


def main() -> None:
    """Measure and write the page."""
    if not MODEL.exists() or not (ROOT / "mlartifacts/models").is_dir():
        sys.exit("benchmarks/writing.py needs the pipeline's models: `make run` makes them")
    text = [
        "# Time of sampling and scoring",
        "",
        f"Written by `python benchmarks/writing.py`. Wall time, medians of {TURNS} turns, with the model of the novel "
        "(m = 100, K = 83), on one core except in the row *all cores*. *charloom / this row*: charloom's time on one "
        "core divided by the row's time.",
        "",
        f"On {platform.machine()} ({llvm.get_host_cpu_name()}), {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}.",
        "",
        *table(),
        "",
        *scoring(),
        "",
        *loading(),
        "",
    ]
    (ROOT / "benchmarks/writing.md").write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    work(*sys.argv[1:]) if sys.argv[1:] else main()
