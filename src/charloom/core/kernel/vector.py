"""A Numba type for vectors of 64 bytes in registers, with + − × ÷ √ and comparison. A lane is one of a vector's
numbers.

Purpose: plain loops (signature/plain.py, which gives the ratio) take longer for the same bits, because they load and
store a sum for every term. With vectors a sum stays in registers, and the sums of several rows are computed together.

Each of + − × ÷ √ is a single instruction of LLVM's intermediate code. A processor with narrower registers computes a
vector in halves or quarters. A lane has the same bits in each case, because LLVM may not fuse or reassociate them.
"""

import operator
from collections.abc import Iterator
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, lower_builtin, models, register_model, type_callable

from charloom.core.kernel.cache import PASTED

VECTOR_BITS = 512
SQUARE = 8  # rows and columns of a transposed square; 16 needs more registers than most processors have


class Vector(types.Type):
    """The Numba type of a vector: 64 bytes of float64 or float32 numbers in a register."""

    def __init__(self, scalar: Any) -> None:
        """Create the type. `scalar` is the Numba type of a lane."""
        self.scalar = scalar
        self.lanes = VECTOR_BITS // scalar.bitwidth
        super().__init__(f"Vector({scalar})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, vector: Vector) -> None:
        lane = manager.lookup(vector.scalar).get_value_type()
        super().__init__(manager, vector, ir.VectorType(lane, vector.lanes))


def _splat(context: Any, builder: Any, value: Any, kind: Any, vector: Vector) -> Any:
    """Return a vector with the scalar `value` of type `kind` in every lane; return a vector unchanged."""
    if isinstance(kind, Vector):
        return value
    undefined = ir.Constant(context.get_value_type(vector), ir.Undefined)
    value = context.cast(builder, value, kind, vector.scalar)
    one = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(ir.IntType(32), vector.lanes), None))


def _places(context: Any, builder: Any, array: Any, place: Any, register: Any, count: int) -> list[Any]:
    """Return pointers to `count` consecutive vectors of LLVM type `register`, from `place` (array, row, column) on."""
    value = context.make_array(array)(context, builder, place[0])
    element = cgutils.get_item_pointer(context, builder, array, value, place[1:], wraparound=False)
    first = builder.bitcast(element, register.as_pointer())
    return [builder.gep(first, [ir.Constant(ir.IntType(64), i)]) for i in range(count)]


def _below(builder: Any, place: Any, count: int) -> list[Any]:
    """Return `count` places (array, row, column) in the same column, from the row of `place` downwards."""
    array, row, column = place
    return [(array, builder.add(row, ir.Constant(row.type, i)), column) for i in range(count)]


def _read(context: Any, builder: Any, array: Any, place: Any, count: int = 1, lanes: int = 0) -> list[Any]:
    """Load `count` consecutive vectors of `lanes` numbers from a place (array, row, column); 0 lanes means 64 bytes."""
    size = array.dtype.bitwidth // 8
    register = ir.VectorType(context.get_value_type(array.dtype), lanes or Vector(array.dtype).lanes)
    return [builder.load(pointer, align=size) for pointer in _places(context, builder, array, place, register, count)]


def _write(context: Any, builder: Any, array: Any, place: Any, vectors: list[Any]) -> None:
    """Store the vectors consecutively from a place (array, row, column) on."""
    pointers = _places(context, builder, array, place, vectors[0].type, len(vectors))
    for vector, pointer in zip(vectors, pointers, strict=True):
        builder.store(vector, pointer, align=array.dtype.bitwidth // 8)


@intrinsic
def load(_: Any, array: Any, row: Any, column: Any) -> Any:
    """Return the vector of 64 bytes that starts at array[row, column]."""

    def generate(context: Any, builder: Any, _signature: Any, place: Any) -> Any:
        return _read(context, builder, array, place)[0]

    return Vector(array.dtype)(array, types.intp, types.intp), generate


@intrinsic
def store(_: Any, array: Any, row: Any, column: Any, vector: Any) -> Any:
    """Store the vector in array[row], from `column` on."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        *place, value = arguments
        _write(context, builder, array, place, [value])
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, vector), generate


@intrinsic
def load_tile(_: Any, array: Any, row: Any, column: Any, height: Any, width: Any) -> Any:
    """Load a tile: len(height) rows of len(width) vectors from array[row, column] on, as a tuple in registers."""
    tile = types.UniTuple(Vector(array.dtype), len(height) * len(width))

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        rows = _below(builder, arguments[:3], len(height))
        vectors = [vector for place in rows for vector in _read(context, builder, array, place, len(width))]
        return context.make_tuple(builder, tile, vectors)

    return tile(array, types.intp, types.intp, height, width), generate


@intrinsic
def store_tile(_: Any, array: Any, row: Any, column: Any, height: Any, tile: Any) -> Any:
    """Store a tile, a result of `load_tile` or `add_outer`, in len(height) rows from array[row, column] on."""
    width = tile.count // len(height)

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        vectors = cgutils.unpack_tuple(builder, arguments[4])
        for n, place in enumerate(_below(builder, arguments[:3], len(height))):
            _write(context, builder, array, place, vectors[n * width : (n + 1) * width])
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, height, tile), generate


@intrinsic
def zero_tile(_: Any, array: Any, height: Any, width: Any) -> Any:
    """Return a tile of zeros of the array's dtype: len(height) rows of len(width) vectors."""
    tile = types.UniTuple(Vector(array.dtype), len(height) * len(width))

    def generate(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        zero = ir.Constant(context.get_value_type(tile.dtype), None)
        return context.make_tuple(builder, tile, [zero] * tile.count)

    return tile(array, height, width), generate


@intrinsic
def add_outer(
    _: Any, tile: Any, left: Any, row: Any, column: Any, height: Any, right: Any, to_row: Any, to_column: Any
) -> Any:
    """Return the tile plus the outer product of len(height) numbers of `left` and the vectors of `right`.

    The numbers are left[row, column] and the next ones in this column. The vectors are consecutive, from
    right[to_row, to_column] on.
    Product and sum are rounded separately, never fused.
    """
    width = tile.count // len(height)

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        sums = cgutils.unpack_tuple(builder, arguments[0])
        vectors = _read(context, builder, right, arguments[5:], width)
        value, added = context.make_array(left)(context, builder, arguments[1]), []
        for n, (_, *place) in enumerate(_below(builder, arguments[1:4], len(height))):
            factor = builder.load(cgutils.get_item_pointer(context, builder, left, value, place, wraparound=False))
            times = _splat(context, builder, factor, left.dtype, tile.dtype)
            for x, vector in zip(sums[n * width : (n + 1) * width], vectors, strict=True):
                added.append(builder.fadd(x, builder.fmul(vector, times)))
        return context.make_tuple(builder, tile, added)

    places = types.intp, types.intp
    return tile(tile, left, *places, height, right, *places), generate


@intrinsic
def splat(_: Any, array: Any, value: Any) -> Any:
    """Return a vector of the array's dtype with the number `value` in every lane."""
    vector = Vector(array.dtype)

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _splat(context, builder, arguments[1], value, vector)

    return vector(array, value), generate


def _vectors(context: Any, builder: Any, signature: Any, arguments: Any) -> Iterator[Any]:
    """Yield the arguments as vectors of the signature's return type; scalars are broadcast."""
    for value, kind in zip(arguments, signature.args, strict=True):
        yield _splat(context, builder, value, kind, signature.return_type)


def _register(symbol: Any, instruction: str) -> None:
    """Define the Python operator `symbol` for vectors, lane by lane: `instruction` names the method of LLVM's builder.

    A scalar operand is broadcast.
    """

    @type_callable(symbol)
    def _result(_: Any) -> Any:
        return lambda left, right: next((kind for kind in (left, right) if isinstance(kind, Vector)), None)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return getattr(builder, instruction)(*_vectors(context, builder, signature, arguments))

    for kinds in ((Vector, Vector), (Vector, types.Number), (types.Number, Vector)):
        lower_builtin(symbol, *kinds)(generate)


_register(operator.add, "fadd")
_register(operator.sub, "fsub")
_register(operator.mul, "fmul")
_register(operator.truediv, "fdiv")


@intrinsic
def where_less(_: Any, x: Any, y: Any, then: Any, otherwise: Any) -> Any:
    """Return `then` in the lanes with x < y, and `otherwise` in the rest and for NaN. Scalars are broadcast."""
    (vector,) = {kind for kind in (x, y, then, otherwise) if isinstance(kind, Vector)}

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left, right, *choices = _vectors(context, builder, signature, arguments)
        return builder.select(builder.fcmp_ordered("<", left, right), *choices)

    return vector(x, y, then, otherwise), generate


@njit(**PASTED)
def at_most(x: Any, limit: Any) -> Any:
    """Return min(x, limit) lane by lane; NaN stays NaN."""
    return where_less(limit, x, limit, x)


@njit(**PASTED)
def at_least(x: Any, limit: Any) -> Any:
    """Return max(x, limit) lane by lane; NaN stays NaN."""
    return where_less(x, limit, limit, x)


@intrinsic
def square_root(_: Any, x: Any) -> Any:
    """Return √x lane by lane, correctly rounded as IEEE 754 demands."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        register = arguments[0].type
        name = f"llvm.sqrt.v{x.lanes}f{x.scalar.bitwidth}"
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(register, [register]), name)
        return builder.call(function, arguments)

    return x(x), generate


@intrinsic
def transpose(_: Any, source: Any, row: Any, column: Any, target: Any, to_row: Any, to_column: Any) -> Any:
    """Write the transposed SQUARE × SQUARE block at source[row, column] to the block at target[to_row, to_column]."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        places, targets = (_below(builder, place, SQUARE) for place in (arguments[:3], arguments[3:]))
        rows = [_read(context, builder, source, place, 1, SQUARE)[0] for place in places]
        # Each round interleaves row i with row i + SQUARE / 2; after log2(SQUARE) rounds the rows are the columns.
        kind = ir.VectorType(ir.IntType(32), SQUARE)
        low, high = (
            ir.Constant(kind, [(i // 2 + half) + SQUARE * (i % 2) for i in range(SQUARE)]) for half in (0, SQUARE // 2)
        )
        for _round in range(SQUARE.bit_length() - 1):
            pairs = [(rows[i], rows[i + SQUARE // 2]) for i in range(SQUARE // 2)]
            rows = [builder.shuffle_vector(*pair, mask) for pair in pairs for mask in (low, high)]
        for place, register in zip(targets, rows, strict=True):
            _write(context, builder, target, place, [register])
        return context.get_dummy_value()

    return types.void(source, types.intp, types.intp, target, types.intp, types.intp), generate
