"""The kernel's update once more, in NumPy alone and in the kernel's order of additions: the same bits, slowly.

Only operations that IEEE 754 rounds in one way: + − × ÷ √, powers of two, and sums along the first axis, which NumPy
adds up row by row.
"""

from math import factorial, log

import numpy as np

HIGH = {"d": float.fromhex("0x1.62e42fee00000p-1"), "f": float.fromhex("0x1.62e000p-1")}
LOW = {"d": float.fromhex("0x1.a39ef35793c76p-33"), "f": float.fromhex("0x1.0bfbe8e7bcd5ep-15")}
RANGE = {"d": 750.0, "f": 110.0}
MAGIC = {"d": 1.5 * 2.0**52, "f": 1.5 * 2.0**23}
TERMS = {"d": 13, "f": 7}
LANES = {"d": 8, "f": 16}


def nearest(x):
    return (x + MAGIC[x.dtype.char]) - MAGIC[x.dtype.char]


def two_to(n):
    return np.ldexp(np.ones_like(n), n.astype(int))


def horner(z, numbers):
    total = np.full_like(z, numbers[-1])
    for number in reversed(numbers[:-1]):
        total = total * z + number
    return total


def expm1_reduced(r):
    terms = [1 / factorial(n) for n in range(2, TERMS[r.dtype.char] + 1)]
    z = r * r
    return r + z * (horner(z, terms[0::2]) + r * horner(z, terms[1::2]))


def less_ln2(x, n):
    return (x - n * HIGH[x.dtype.char]) - n * LOW[x.dtype.char]


def exp(x):
    x = np.clip(x, -RANGE[x.dtype.char], RANGE[x.dtype.char])
    n = nearest(x * (1 / log(2)))
    half = nearest(n * 0.5)
    return (expm1_reduced(less_ln2(x, n)) + 1) * two_to(half) * two_to(n - half)


def tanh(x):
    y = np.maximum(np.where(x < 0, x, -x) * 2, -40)
    n = nearest(y * (1 / log(2)))
    scale = two_to(n)
    rest = 1 - scale
    product = scale * expm1_reduced(less_ln2(y, n))
    g = rest - product
    lost, below = (rest - g) - product, 2 - g
    t = g / below
    t = t + (lost + t * (lost - ((2 - below) - g))) * (t * 0.5 + 0.5)
    return np.where(x < 0, -t, t)


def ln(x):
    """Return log x for float64 x from 1 on."""
    n = np.frexp(x * 0.5**0.5)[1].astype(float)
    f = x * two_to(-n) - 1
    s = f / (f + 2)
    z = s * s
    series = z * horner(z, [2 / (2 * n + 1) for n in range(1, 11)])
    half_square = f * f * 0.5
    return n * HIGH["d"] - ((half_square - (s * (half_square + series) + n * LOW["d"])) - f)


def added(start, rows):
    # In C order NumPy adds row to row; along contiguous numbers it would add up in pairs.
    return np.add.reduce(np.ascontiguousarray(np.concatenate([start[None], rows])), axis=0)


def way(n, step):
    """Odd steps of a recurrence add from the last row to the first."""
    return slice(None, None, -1) if step % 2 else slice(None)


def update(theta, s, x, y, h_0, eta, clip, epsilon):
    """Do one update in place and return its loss and the last state."""
    number = theta.flat.dtype.type
    W, U, V, b, c = theta.W, theta.U, theta.V, theta.b, theta.c
    T, m, K, lanes = len(x), theta.m, theta.K, LANES[theta.flat.dtype.char]
    h, d, p = np.zeros((T + 1, m), number), np.zeros((T + 1, m), number), np.zeros((T, K), number)
    h[0] = h_0
    loss, sums = 0.0, []
    for t in range(T):
        h[t + 1] = tanh(added(U[:, x[t]] + b, (W.T * h[t][:, None])[way(m, t)]))
        o = added(c, V.T * h[t + 1][:, None])
        top = o.max()
        padded = np.zeros((-(-K // lanes), lanes), number)
        padded.ravel()[:K] = exp(o - top)
        loss += float(top - o[y[t]])
        summed = np.cumsum(np.add.reduce(padded, axis=0))[-1]  # not sum(): it adds up in pairs
        sums.append(float(summed))
        p[t] = padded.ravel()[:K] * number(1 / float(summed))
    for term in ln(np.array(sums)):
        loss += float(term)
    p[np.arange(T), y] -= 1
    for t in range(T - 1, -1, -1):
        a = added(np.zeros(m, number), V * p[t][:, None])
        if t < T - 1:
            a = added(a, (W * d[t + 1][:, None])[way(m, t + 1)])
        d[t] = a * (1 - h[t + 1] * h[t + 1])
    gradients = {
        "W": added(np.zeros((m, m), number), d[:T, :, None] * h[:T, None, :]),
        "V": added(np.zeros((K, m), number), p[:, :, None] * h[1:, None, :]),
        "U": np.zeros((m, K), number),
        "b": added(np.zeros(m, number), d[:T]),
        "c": added(np.zeros(K, number), p),
    }
    for t in range(T):
        gradients["U"][:, x[t]] += d[t]
    for name, g in gradients.items():
        g = np.clip(g, -number(clip), number(clip))
        w, total = getattr(theta, name), getattr(s, name)
        total += g * g
        w -= g * number(eta) / np.sqrt(total + number(epsilon))
    return loss, h[T]
