"""A crew: a team of threads that run the same compiled code in parallel. `share` assigns parts of a loop to threads.

A single thread computes a whole sum, in the fixed order, so the bits do not depend on the number of threads. `meet` is
a barrier: after it a thread sees the results of all others. A recurrence needs a barrier for every character, forward
and backward: fifty in an update of 25 characters. An empty parallel region of Numba takes 17 µs or more, this
barrier less than 1 µs.

An exception in one thread aborts the crew: `meet` no longer waits, and compiled loops end when `aborted` is true.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from charloom.core.base.processors import processors
from charloom.core.base.types import Array
from charloom.core.kernel.cache import INNER, PASTED

# Indices in the gate (GATE_SIZE,): threads that have arrived, and completed barriers; each on its own cache line.
ARRIVED, ROUND, GATE_SIZE = 0, 8, 16
ABORTED = np.iinfo(np.int64).min  # gate[ROUND] of an aborted crew: negative, even after the last thread adds 1
MIN_PRODUCTS, MIN_UNITS = 50_000, 32  # for several threads: multiplications per character, hidden units per thread
SPINS = 2000  # reads of the gate, a few microseconds, before a waiting thread yields its processor


class Crew(NamedTuple):
    """The crew (team of threads) to which a thread belongs, with this thread's number.

    me    the thread's number, from 0
    size  number of threads
    gate  (GATE_SIZE,) state of the barrier, shared by all threads
    """

    me: int
    size: int
    gate: Array


ALONE = Crew(0, 1, np.zeros(GATE_SIZE, np.int64))


@njit(**PASTED)
def share(total: int, unit: int, crew: Crew) -> tuple[int, int]:
    """Return the begin and the end of this thread's part of range(total). Begin is a multiple of `unit`.

    The parts of all threads are disjoint and cover range(total). A part may be empty.
    """
    units = -(-total // unit)
    return units * crew.me // crew.size * unit, min(units * (crew.me + 1) // crew.size * unit, total)


@njit(**INNER)
def meet(crew: Crew) -> None:
    """Wait until all threads have called `meet`, or the crew is aborted: a barrier with sequential consistency."""
    if crew.size == 1:
        return
    gate = crew.gate
    met = _load_atomic(gate, ROUND)
    if met < 0:
        return
    if _add_atomic(gate, ARRIVED, 1) == crew.size - 1:
        gate[ARRIVED] = 0
        _add_atomic(gate, ROUND, 1)
        return
    looks = 0
    while _load_atomic(gate, ROUND) == met:
        looks += 1
        if looks > SPINS:
            _yield_processor()


@njit(**PASTED)
def aborted(crew: Crew) -> bool:
    """Return whether a thread of the crew has raised an exception, so that this thread should stop too."""
    return _load_atomic(crew.gate, ROUND) < 0  # type: ignore[no-any-return]  # compiled to a bool


def members(products: int, m: int) -> int:
    """Return the number of threads to use for m hidden units; 1 if the work is too small to share.

    products  multiplications per character, for all sequences of the batch
    """
    return max(1, min(processors(), m // MIN_UNITS)) if products >= MIN_PRODUCTS else 1


def together(size: int, work: Callable[[Crew], Any]) -> Any:
    """Call work(crew) in `size` threads, including this one, and return the result of this thread.

    If the system refuses to start more threads, the crew is smaller. The first exception of any thread aborts the crew
    and is raised here after all threads have ended.
    """
    gate, go, others = np.zeros(GATE_SIZE, np.int64), threading.Event(), list[threading.Thread]()
    errors = list[BaseException]()

    @contextmanager
    def aborting() -> Iterator[None]:
        try:
            yield
        except BaseException as error:  # noqa: BLE001  a KeyboardInterrupt, too; raised below
            gate[ROUND] = ABORTED
            errors.append(error)

    def other(me: int) -> None:
        go.wait()
        with aborting():
            work(Crew(me, len(others) + 1, gate))

    with aborting():
        with suppress(RuntimeError):  # a limit of processes
            for me in range(1, size):
                thread = threading.Thread(target=other, args=(me,), daemon=True)
                thread.start()
                others.append(thread)
        go.set()
        result = work(Crew(0, len(others) + 1, gate))
    go.set()
    for thread in others:
        thread.join()
    if errors:
        raise errors[0]
    return result


def _pointer(context: Any, builder: Any, array: Any, value: Any, index: Any) -> Any:
    return cgutils.get_item_pointer(
        context, builder, array, context.make_array(array)(context, builder, value), [index], wraparound=False
    )


@intrinsic
def _load_atomic(_: Any, array: Any, index: Any) -> Any:
    """Return array[index], loaded atomically."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(_pointer(context, builder, array, *arguments), "seq_cst", 8)

    return types.int64(array, types.intp), generate


@intrinsic
def _add_atomic(_: Any, array: Any, index: Any, value: Any) -> Any:
    """Add the value to array[index] atomically; return the number that was there before the addition."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, array, *arguments[:2])
        return builder.atomic_rmw("add", pointer, arguments[2], "seq_cst")

    return types.int64(array, types.intp, types.int64), generate


@intrinsic
def _yield_processor(_: Any) -> Any:
    """Call sched_yield: let another thread run on this processor."""

    def generate(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(), generate
