"""What the kernel is told, and where it keeps its numbers.

Rows are padded to whole vectors with zeros, and c with −∞: padding is never chosen, so it never learns. U is kept
transposed, with a row for each character. W and V are kept twice, as they are and transposed: vectors sum over rows,
the forward pass sums over one side of W and V, and the backward pass over the other.

W and V are kept in panels: a panel is some vectors wide, and all its rows stand together, one panel after the other in
an array (panels · rows, width). So a product reads memory from front to back, however large the matrix. Row by row, the
parts of a panel would lie a row apart: where that is a power of two, all of them in the same few places of the cache.
"""

from typing import Any, NamedTuple

import numpy as np

from charloom.base.types import Array
from charloom.network.rnn import Parameters, filled

ROWS = 5  # of results in registers at once
WIDTHS = (4, 7)  # vectors of a panel of W, which a recurrence has in registers; each compiles anew, so there are few
WHOLE = 13  # vectors of a W that is one panel: so near that it does not matter that most processors lack the registers
WIDTHS_K = (4, 5, 6, 7)  # of a panel of VT: a text being written has four in registers
APART = 8  # vectors: see Weights


class Sizes(NamedTuple):
    """What a compiled update is told: m hidden units, K characters, T of them a sequence, n sequences; and what a step
    needs.

    scale      what the gradient of the loss is multiplied by
    rates      the optimiser's: its class says which step is compiled. All rates, scale and clip are of the weights'
               dtype, since float32 times float64 would be float64
    saturated  |h| beyond which an activation counts as saturated
    all_rows   whether the optimiser moves weights too whose gradient is zero, and always was
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
    """Parameters or a best copy in the kernel's layout; p and q are m and K rounded up to vectors. Of what an optimiser
    keeps, each field is a tuple of such arrays.

    W, WT (m, p)   V (K, p)   VT (m, q), in panels   UT (K, p)   b (1, p)   c (1, q)

    Rows and columns beyond the named ones are zero. Where W's p is a multiple of APART vectors, p is a vector more in
    UT, b and the states: else their rows would lie as far apart as those of W did.
    """

    W: Any
    WT: Any
    UT: Any
    V: Any
    VT: Any
    b: Any
    c: Any


class Scratch(NamedTuple):
    """What an update writes on its way; T, m and K also stand for these rounded up, p and q as in Weights.

    A batch of n sequences has n rows for each character, those of the first characters first: T stands for T · n, and
    row t + n of h has the states after row t of the others.

    h (T + n, p)        h[:n] are the states carried in, h[t + n] the one after character t
    a (T, p)            U x + b in the forward pass, Vᵀ g in the backward pass
    o (T, q)            the outputs, then p, then scale · (p − onehot(y))
    d (T, p)            ∂loss/∂a, in the names of rnn.py
    dT (m, T), oT (K, T)   d and o transposed
    dU (K, p), seen (size, K)  the gradients of the rows of UT that occur, and which rows do, for each of a crew
    stale (size, K)     the rows of the best copy's UT that are not those of the best weights so far
    lane (size, lanes)  a vector whose lanes are looked at one by one
    finite (size,)      whether what each has computed is finite
    tile (size · ROWS, a panel)  gradients of five rows of a panel of W or V
    sums, logs (1, T)   Σ_k e^(o_k − max o) of each character, and its logarithm
    nats (1, T)         max o − o_y of each character
    row (m,)            a row of gradients in float64
    width               a tuple as long as a panel of W is wide: the compiler sees its length in its type
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


def zeros(rows: int, columns: int, dtype: Any, content: Array | None = None) -> Array:
    """Return zeros (rows, columns), the content in their first corner, that start at a multiple of 64 bytes."""
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
    """Return the content in the first corner of zeros (rows, columns), in panels `wide` columns wide."""
    panels = columns // wide
    array = zeros(panels * rows, wide, content.dtype)
    for panel in range(panels):
        part = content[:, panel * wide : (panel + 1) * wide]
        array[panel * rows :][: len(part), : part.shape[1]] = part
    return array


def from_panels(array: Array, target: Array) -> None:
    """Write the first corner of what is in panels into the target (rows, columns)."""
    (rows, columns), wide = target.shape, array.shape[1]
    apart = len(array) // -(-columns // wide)
    for panel, k in enumerate(range(0, columns, wide)):
        part = target[:, k : k + wide]
        part[:] = array[panel * apart :][:rows, : part.shape[1]]


def weights(parameters: Parameters, padding: float = 0.0) -> Weights:
    """Return the parameters in the kernel's layout; `padding` stands in c beyond K: −∞ is never chosen."""
    w = _layout(parameters, parameters.W.T, parameters.V.T)
    w.c[0, parameters.K :] = padding
    return w


def kept_beside(kept: tuple[Parameters, ...]) -> Weights:
    """Return what an optimiser keeps in the kernel's layout: a tuple of arrays in each field."""
    layouts = [_layout(each, each.W[:0], each.V[:0]) for each in kept]  # no WT and VT: a step needs W and V once
    return Weights(*(tuple(getattr(each, name) for each in layouts) for name in Weights._fields))


def each_kept(s: Weights, m: int, K: int) -> tuple[Parameters, ...]:
    """Return what an optimiser keeps as Parameters."""
    return tuple(parameters(Weights(*arrays), m, K) for arrays in zip(*s, strict=True))


def _layout(parameters: Parameters, WT: Array, VT: Array) -> Weights:
    """Return the parameters in the kernel's layout."""
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
    """Return how many columns wide the panels of a matrix of n columns are, and all of them: the fewest that do."""
    vectors = max(-(-n // lanes), widths[0])
    wide = min((each for each in widths if each <= vectors), key=lambda each: (_up(vectors, each), -each))
    return wide * lanes, _up(vectors, wide) * lanes


def room(w: Weights) -> Weights:
    """Return room for a copy of the weights: zeros, which take no memory before they are written."""
    return Weights(*(zeros(len(each), each.shape[1], each.dtype) for each in w))


def parameters(w: Weights, m: int, K: int) -> Parameters:
    """Return the weights as Parameters."""
    theta = filled(0.0, m, K, w.b.dtype)
    from_panels(w.W, theta.W)
    from_panels(w.V, theta.V)
    theta.U[:], theta.b[:], theta.c[:] = w.UT[:K, :m].T, w.b[0, :m], w.c[0, :K]
    return theta


def scratch(w: Weights, m: int, K: int, T: int, n: int = 1, size: int = 1) -> Scratch:
    """Return room for n sequences of T characters, read by a crew of that size."""
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
    )
