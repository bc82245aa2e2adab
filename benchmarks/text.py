"""The ids, initial weights and params that all implementations share."""

import json
import resource
import time
from pathlib import Path

import numpy as np

ETA, CLIP, SIGMA, EPSILON = 0.1, 5.0, 0.01, 2.2e-16
SEQ_LENGTH = 25
TEXT = Path(__file__).resolve().parent.parent / "data" / "moby_dick.txt"


def problem(m, K, dtype, updates, seq_length=SEQ_LENGTH):
    """Return ids and W, U, V, b (m, 1), c (K, 1). All characters but the K − 1 most frequent ones share one id."""
    text = np.frombuffer(TEXT.read_text(encoding="utf-8").encode("utf-32-le"), np.uint32)
    points, codes, counts = np.unique(text, return_inverse=True, return_counts=True)
    rank = np.empty(len(points), np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(points))
    ids = np.minimum(rank[codes], K - 1)
    if len(points) < K:  # the text has fewer than K characters: spread its ids over all K
        ids = (ids * 2654435761 + np.arange(len(ids)) * 40503) % K
    needed = updates * seq_length + 1
    ids = np.tile(ids, -(-needed // len(ids)))[:needed]
    rng = np.random.default_rng(1)
    W, U, V = (rng.normal(0, SIGMA, shape).astype(dtype) for shape in ((m, m), (m, K), (K, m)))
    return ids, W, U, V, np.zeros((m, 1), dtype), np.zeros((K, 1), dtype)


def now():
    """Return the CPU time of this process and the wall time, in seconds."""
    return time.process_time(), time.perf_counter()


def report(started, updates, loss):
    """Print JSON: microseconds per update since `started` (CPU and wall time), the last loss, and peak memory."""
    used, passed = (end - begin for begin, end in zip(started, now(), strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    microseconds = {"microseconds": used / updates * 1e6, "by_the_wall": passed / updates * 1e6}
    print(json.dumps(microseconds | {"loss": float(loss), "peak_kilobytes": peak}))
