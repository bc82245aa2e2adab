"""The kernel's arguments, and the memory layout of its arrays.

Rows are padded with zeros to whole vectors, and c with −∞: padded characters have probability 0, so they never learn.
U is stored transposed, with a row for each character. A vector holds columns of a row, so a sum of vectors runs over
the rows of a matrix. The forward pass sums over one index of W and V, the backward pass over the other: both matrices
are stored twice, plain and transposed.

W and V are stored in panels. A panel has a few vectors of columns and all rows, and the panels follow each other in an
array (panels · rows, width). So a product reads memory sequentially, however large the matrix is. In row-major order
the rows of a panel would be one matrix row apart. If the size of a matrix row is a power of two, the rows of a panel
would all map to the same few cache sets.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from llvmlite.binding import get_host_cpu_features
from numba import config

from charloom.core.base.types import Array
from charloom.core.network.rnn import Parameters, filled

ROWS = 5  # rows of results in a tile of registers
ACROSS = 4  # vectors of such a row with AVX-512
WIDTHS = (4, 7)  # vectors of a panel of W, which a recurrence keeps in registers; every width is compiled separately
WHOLE = 13  # vectors of a W stored as one panel: it fits the cache, so spilling registers costs little
WIDTHS_K = (4, 5, 6, 7)  # vectors of a panel of VT; a text being written keeps four in registers
FEW = 4  # batch size below which a row of a recurrence's tile has two vectors, so that additions overlap
APART = 8  # vectors: row lengths to avoid, see Weights


class Sizes(NamedTuple):
    """The sizes and rates of a compiled update: m hidden units, K characters, n sequences of T characters.

    scale      factor for the gradient of the loss: see Recipe.scale
    clip       limit of elementwise gradient clipping
    rates      the optimiser: AdaGrad or Adam, with the rates; the class selects the step to compile
    saturated  |h| above which an activation counts as saturated
    all_rows   whether the optimiser changes weights whose gradient is zero

    scale, clip and all rates have the weights' dtype, because float32 times float64 would be float64.
    """

    m: int
    K: int
    T: int
    n: int
    scale: Any
    clip: Any
    rates: Any
    saturated: float
    all_rows: bool


class Weights(NamedTuple):
    """Parameters in the kernel's layout. p and q are m and K, rounded up to whole panels.

    in panels      W, WT (m, p)   V (K, p)   VT (m, q)
    not in panels  UT (K, p)   b (1, p)   c (1, q)

    WT, UT and VT are the transposed matrices. Padding is zero, except in c: see `weights`. If the p of W is a multiple
    of APART vectors, then UT, b and the states have one vector more, so that their rows do not all map to the same
    cache sets.
    For the optimiser's accumulators each field is a tuple of such arrays, one for each accumulator.
    """

    W: Any
    WT: Any
    UT: Any
    V: Any
    VT: Any
    b: Any
    c: Any


class Scratch(NamedTuple):
    """The intermediate results of an update. p and q are those of Weights. T, m and K may be rounded up.

    A batch of n sequences has n rows for every position: first the n first characters, then the n second characters. T
    in these shapes stands for T · n, and row t + n of h has the state after row t of the other arrays.

    h (T + n, p)        h[:n] are the states carried in, h[t + n] is the state after row t
    a (T, p)            U x + b in the forward pass, Vᵀ g in the backward pass
    o (T, q)            first the outputs, then p = softmax(o), then scale · (p − onehot(y))
    d (T, p)            ∂loss/∂a, where a = W h + U x + b as in rnn.py
    dT (m, T), oT (K, T)   d and o transposed
    dU (K, p)           gradients of the rows of UT whose characters occur
    seen (size, K)      whether a character occurs in the sequences, for each of `size` threads
    stale (size, K)     whether a row of UT may differ from its copy in the best weights, for each thread
    lane (size, lanes)  a vector whose lanes are read one by one, for each thread
    finite (size,)      whether all gradients that a thread has computed are finite
    tile (size · ROWS, panel width)  gradients of five rows of a panel of W or V, for each thread
    sums, logs (1, T)   Σ_k e^(o_k − max o) of each row, and the logarithm of this sum
    nats (1, T)         max o − o_y of each row
    row (m,)            a row of gradients in float64
    width               a tuple with one entry per vector of a panel of W: the type tells the compiler the number
    across              a tuple with one entry per vector of a row of a tile: see `across`
    batched             like `across`, for a tile of a recurrence of a batch; None for one sequence
    """

    h: Array
    a: Array
    o: Array
    d: Array
    dT: Array
    oT: Array
    dU: Array
    seen: Array
    stale: Array
    lane: Array
    finite: Array
    tile: Array
    sums: Array
    logs: Array
    nats: Array
    row: Array
    width: tuple[int, ...]
    across: tuple[int, ...]
    batched: tuple[int, ...] | None


def zeros(rows: int, columns: int, dtype: Any, content: Array | None = None) -> Array:
    """Return zeros (rows, columns), aligned to 64 bytes, with a copy of `content` in the top left corner."""
    size = rows * columns * np.dtype(dtype).itemsize
    room = np.zeros(size + 64, np.uint8)
    start = -room.ctypes.data % 64
    aligned: Array = room[start : start + size].view(dtype).reshape(rows, columns)
    if content is not None:
        aligned[: content.shape[0], : content.shape[1]] = content
    return aligned


def _up(n: int, multiple: int) -> int:
    return -(-n // multiple) * multiple


def in_panels(rows: int, columns: int, wide: int, content: Array) -> Array:
    """Return zeros (rows, columns) with a copy of `content` in the top left corner, in panels of `wide` columns.

    `columns` must be a multiple of `wide`. The result has the shape (panels · rows, wide).
    """
    panels = columns // wide
    array = zeros(panels * rows, wide, content.dtype)
    for panel in range(panels):
        part = content[:, panel * wide : (panel + 1) * wide]
        array[panel * rows :][: len(part), : part.shape[1]] = part
    return array


def from_panels(array: Array, target: Array) -> None:
    """Copy the top left corner of a matrix in panels to `target` (rows, columns), which is not in panels."""
    (rows, columns), wide = target.shape, array.shape[1]
    apart = len(array) // -(-columns // wide)
    for panel, k in enumerate(range(0, columns, wide)):
        part = target[:, k : k + wide]
        part[:] = array[panel * apart :][:rows, : part.shape[1]]


def weights(parameters: Parameters, padding: float = 0.0) -> Weights:
    """Return a copy of the parameters in the kernel's layout. `padding` fills the entries of c from number K on.

    With −∞ as padding, the padded characters have probability 0.
    """
    w = _layout(parameters, parameters.W.T, parameters.V.T)
    w.c[0, parameters.K :] = padding
    return w


def accumulator_layout(accumulators: tuple[Parameters, ...]) -> Weights:
    """Return a copy of an optimiser's accumulators in the kernel's layout. WT and VT are zero: no step uses them."""
    layouts = [_layout(parameters, parameters.W[:0], parameters.V[:0]) for parameters in accumulators]
    return Weights(*(tuple(getattr(layout, name) for layout in layouts) for name in Weights._fields))


def accumulator_parameters(s: Weights, m: int, K: int) -> tuple[Parameters, ...]:
    """Return an optimiser's accumulators, given in the kernel's layout, as Parameters."""
    return tuple(parameters(Weights(*arrays), m, K) for arrays in zip(*s, strict=True))


def _layout(parameters: Parameters, WT: Array, VT: Array) -> Weights:
    """Return a copy of the parameters in the kernel's layout, with c padded with 0.

    WT, VT  the transposed W and V; if they have no rows, WT and VT of the result are zero
    """
    m, K, dtype = parameters.m, parameters.K, parameters.flat.dtype
    lanes = 64 // dtype.itemsize
    wide, p = _panels(m, lanes, (WHOLE,) if -(-m // lanes) == WHOLE else WIDTHS)
    to_K, q = _panels(K, lanes, WIDTHS_K)
    rows_m, rows_K = _up(m, lanes) + ROWS, _up(K, lanes) + ROWS
    row = p + lanes * (p // lanes % APART == 0)
    return Weights(
        W=in_panels(rows_m, p, wide, parameters.W),
        WT=in_panels(rows_m, p, wide, WT),
        UT=zeros(K, row, dtype, parameters.U.T),
        V=in_panels(rows_K, p, wide, parameters.V),
        VT=in_panels(rows_m, q, to_K, VT),
        b=zeros(1, row, dtype, parameters.b[None]),
        c=zeros(1, q, dtype, parameters.c[None]),
    )


def _panels(n: int, lanes: int, widths: tuple[int, ...]) -> tuple[int, int]:
    """Return the number of columns of a panel, and of all panels together, for a matrix of n columns.

    `widths` are the allowed widths of a panel, in vectors. The one with the least padding is used, or the widest of
    several with equal padding.
    """
    vectors = max(-(-n // lanes), widths[0])
    wide = min((width for width in widths if width <= vectors), key=lambda width: (_up(vectors, width), -width))
    return wide * lanes, _up(vectors, wide) * lanes


def room(w: Weights) -> Weights:
    """Return zeros with the shapes of the weights, for a later copy. Zeros take no memory until they are written."""
    return Weights(*(zeros(len(array), array.shape[1], array.dtype) for array in w))


def parameters(w: Weights, m: int, K: int) -> Parameters:
    """Return a copy of weights in the kernel's layout as Parameters for m hidden units and K characters."""
    theta = filled(0.0, m, K, w.b.dtype)
    from_panels(w.W, theta.W)
    from_panels(w.V, theta.V)
    theta.U[:], theta.b[:], theta.c[:] = w.UT[:K, :m].T, w.b[0, :m], w.c[0, :K]
    return theta


def scratch(w: Weights, m: int, K: int, T: int, n: int = 1, size: int = 1) -> Scratch:
    """Return scratch arrays for n sequences of T characters, for the weights w and a crew of `size` threads."""
    dtype, p, q = w.W.dtype, w.b.shape[1], w.c.shape[1]
    lanes = 64 // dtype.itemsize
    columns = _up(T * n, lanes)
    rows = columns + ROWS
    return Scratch(
        h=zeros(rows + n, p, dtype),
        a=zeros(rows, p, dtype),
        o=zeros(rows, q, dtype),
        d=zeros(rows, p, dtype),
        dT=zeros(_up(m, lanes) + ROWS, columns, dtype),
        oT=zeros(_up(K, lanes) + ROWS, columns, dtype),
        dU=zeros(K, p, dtype),
        seen=np.zeros((size, K), np.bool_),
        stale=np.ones((size, K), np.bool_),
        lane=zeros(size, lanes, dtype),
        finite=np.ones(size, np.bool_),
        tile=zeros(size * ROWS, w.W.shape[1], dtype),
        sums=zeros(1, _up(T * n, 8), np.float64),
        logs=zeros(1, _up(T * n, 8), np.float64),
        nats=zeros(1, T * n, np.float64),
        row=np.empty(m),
        width=(0,) * (w.W.shape[1] // lanes),
        across=across(),
        batched=None if n == 1 else (0, 0) if n < FEW else across(),
    )


@cache
def across() -> tuple[int, ...]:
    """Return a tuple with one entry per vector of a row of a tile of results, as many as the target's registers allow.

    A tile of five rows of four vectors fits the 32 registers of AVX-512; others have 16, or narrower registers.
    The target is Numba's: environment variables of Numba can select a target other than this processor.
    """
    features = config.CPU_FEATURES  # None: the features of this processor
    wide = get_host_cpu_features().get("avx512f") if features is None else "+avx512f" in features
    return (0,) * (ACROSS if wide else 1)
