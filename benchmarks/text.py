"""What every implementation gets: the same ids, the same initial weights, the same settings."""

import json
import resource
import time
from pathlib import Path

import numpy as np

ETA, CLIP, SIGMA, EPSILON = 0.1, 5.0, 0.01, 2.2e-16
SEQ_LENGTH = 25
TEXT = Path(__file__).resolve().parent.parent / "data" / "moby_dick.txt"


def problem(m, K, dtype, updates, seq_length=SEQ_LENGTH):
    """Return ids and W, U, V, b (m, 1), c (K, 1). Characters rarer than the K − 1 commonest count as one."""
    text = np.frombuffer(TEXT.read_text(encoding="utf-8").encode("utf-32-le"), np.uint32)
    points, codes, counts = np.unique(text, return_inverse=True, return_counts=True)
    rank = np.empty(len(points), np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(points))
    ids = np.minimum(rank[codes], K - 1)
    if len(points) < K:  # a larger alphabet than any novel's: spread the characters over it
        ids = (ids * 2654435761 + np.arange(len(ids)) * 40503) % K
    needed = updates * seq_length + 1
    ids = np.tile(ids, -(-needed // len(ids)))[:needed]
    rng = np.random.default_rng(1)
    W, U, V = (rng.normal(0, SIGMA, shape).astype(dtype) for shape in ((m, m), (m, K), (K, m)))
    return ids, W, U, V, np.zeros((m, 1), dtype), np.zeros((K, 1), dtype)


def now():
    """Return the CPU time of this process, and the time on the wall; seconds."""
    return time.process_time(), time.perf_counter()


def report(started, updates, loss):
    """Print what an update took since `started`, in microseconds of CPU and by the wall, and the last loss."""
    used, passed = (end - begin for begin, end in zip(started, now(), strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said = {"microseconds": used / updates * 1e6, "by_the_wall": passed / updates * 1e6}
    print(json.dumps(said | {"loss": float(loss), "peak_kilobytes": peak}))
