"""Time one update written as in a course: the equations in NumPy, one column at a time."""

import sys

import numpy as np
from text import ETA, SEQ_LENGTH, now, problem, report


def main(dtype: str, updates: int, m: int, K: int) -> None:
    """Train and print microseconds of CPU time per update."""
    ids, W, U, V, b, c = problem(m, K, dtype, updates)
    parameters = [W, U, V, b, c]
    sums = [np.zeros_like(parameter) for parameter in parameters]
    h = np.zeros((m, 1), dtype)
    eye = np.eye(K, dtype=dtype)
    eta, epsilon = np.dtype(dtype).type(ETA), np.dtype(dtype).type(2.2e-16)
    started = now()
    for update in range(updates):
        e = update * SEQ_LENGTH
        X, Y = eye[:, ids[e : e + SEQ_LENGTH]], eye[:, ids[e + 1 : e + SEQ_LENGTH + 1]]
        hs, ps, loss = [h], [], 0.0
        for t in range(SEQ_LENGTH):
            hs.append(np.tanh(W @ hs[t] + U @ X[:, [t]] + b))
            o = V @ hs[t + 1] + c
            p = np.exp(o) / np.sum(np.exp(o))
            ps.append(p)
            loss -= np.log(Y[:, [t]].T @ p).item()
        dW, dU, dV = np.zeros_like(W), np.zeros_like(U), np.zeros_like(V)
        db, dc, da = np.zeros_like(b), np.zeros_like(c), np.zeros_like(h)
        for t in range(SEQ_LENGTH - 1, -1, -1):
            g = ps[t] - Y[:, [t]]
            dV += g @ hs[t + 1].T
            dc += g
            da = (V.T @ g + W.T @ da) * (1 - hs[t + 1] ** 2)
            dW += da @ hs[t].T
            dU += da @ X[:, [t]].T
            db += da
        for parameter, gradient, s in zip(parameters, [dW, dU, dV, db, dc], sums, strict=True):
            gradient = np.clip(gradient, -5, 5)
            s += gradient**2
            parameter -= eta * gradient / np.sqrt(s + epsilon)
        h = hs[-1]
    report(started, updates, loss)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
