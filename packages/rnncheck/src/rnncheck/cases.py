"""The cases with which a program's `gradients` is called. Together they show every fault that backward.py knows.

Weights have standard deviation 0.5 and biases are not 0, because small weights hide a wrong derivative of tanh. The
state h_0 is not 0 in most cases, because a zero state hides a wrong gradient of W. The sizes m and K differ, because
equal sizes hide a transposed matrix. Distinct characters make column x_t of the gradient of U equal to d_t.
"""

import hashlib
from typing import NamedTuple

import numpy as np

from rnncheck.backward import Weights, forward, within_5
from rnncheck.verdicts import Array

M, K, T = 7, 11, 9  # the sizes of most cases
LONG = 25
DRAWS = 50  # at most so many attempts at a case without sums above 5
SEED = 3  # draws no number of cases() from the tail of NumPy's normal numbers, which depends on the processor


class About(NamedTuple):
    """The settings from which the cases are computed.

    seed        a name; each name gives other random cases, and "" the usual ones
    m, K        sizes of the network in the cases of gradients, step and following
    lengths     lengths of the sequences in the cases of gradients
    seq_length  length of a sequence in the training that `losses` returns
    """

    seed: str = ""
    m: int = M
    K: int = K
    lengths: tuple[int, ...] = (1, 2, T, LONG)
    seq_length: int = 25


def generator(number: int, seed: str) -> np.random.Generator:
    """Return a random generator for the cases of a part. `number` names the part; `seed` is that of About."""
    digest = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:16], "little") if seed else 0
    return np.random.default_rng([number, digest] if seed else number)


USUAL = About()


class Case(NamedTuple):
    """The arguments of one call of `gradients`: weights, first state h (m,), ids of inputs x and targets y (T,)."""

    name: str
    weights: Weights
    h: Array
    x: Array
    y: Array


def weights(m: int, K: int, sigma: float, rng: np.random.Generator) -> dict[str, Array]:
    """Return random W, U, V, b and c: all entries, also of the biases, are normal with standard deviation sigma."""
    shapes = {"W": (m, m), "U": (m, K), "V": (K, m), "b": (m,), "c": (K,)}
    return {name: sigma * rng.standard_normal(shape) for name, shape in shapes.items()}


def cases(about: About = USUAL) -> list[Case]:
    """Return the cases of `gradients`. Characters are distinct in most cases, but not in a sequence longer than K."""
    m, K, lengths, rng = about.m, about.K, about.lengths, generator(SEED, about.seed)
    cases_ = []

    def add(title: str, length: int, *, carried: bool = True, distinct: bool = True, scale: float = 1) -> None:
        theta = weights(m, K, 0.5, rng)
        for name in "WV":  # so that a large network is not chaotic, and float32 is enough for its states
            theta[name] *= min(1, np.sqrt(M / m))
        h = rng.standard_normal(m)
        h *= carried / np.sqrt(1 + h * h)  # in (−1, 1) as by tanh, whose last bit depends on the processor
        x, y = rng.permutation(K)[:length] if distinct and length <= K else rng.integers(0, K, length), None
        y = np.append(x[1:], rng.integers(0, K))
        if scale != 1:  # gradients beyond 5, of every matrix
            theta["V"] *= scale
            y = np.where(rng.random(length) < 0.8, y[0], y)
        cases_.append(
            Case(f"{length} character{'s' * (length > 1)}{title}, h_0 {'not ' * carried}zero", theta, h, x, y)
        )

    for length in lengths:
        add("", length)
    for _ in range(DRAWS):  # a longest case must show faults in programs that clip to ±5 on the way back
        if within_5(forward(*cases_[-1][1:])):
            break
        cases_.pop()
        add("", lengths[-1])
    middle = min(lengths, key=lambda length: abs(length - T))
    add("", middle, carried=False)
    add(" with a repeated one", middle, distinct=False)
    add(", gradients beyond 5", max(lengths), distinct=False, scale=10)
    return cases_


def second_window(first: Case) -> tuple[Case, Case]:
    """Return the case `first`, and a second case that continues the text from the last state of `first`."""
    h = forward(*first[1:]).h[-1]
    return first, first._replace(name=f"a second window after {first.name}", h=h, x=first.y, y=np.roll(first.y, -1))


def assignment_case(m: int, K: int, length: int) -> Case:
    """Return the case of the gradient check in the course assignment: weights with sigma 0.01, biases 0, h_0 = 0."""
    rng = np.random.default_rng(2)
    theta = weights(m, K, 0.01, rng)
    theta["b"][:], theta["c"][:] = 0, 0
    x = rng.integers(0, K, length + 1)
    return Case("the assignment's own check", theta, np.zeros(m), x[:-1], x[1:])
