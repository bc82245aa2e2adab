"""A crew: threads that go through the same compiled code side by side. `share` says which part of a loop is whose.

Each sum is computed by one of them, in its one order: so the bits are the same whatever their number. What one needs of
the others is there after `meet`, where each waits for all. A recurrence meets for each character, some fifty times an
update. An empty parallel region of Numba's takes 17 µs or more, too long for that; a meeting takes less than one.

An exception in one thread aborts the crew: `meet` no longer waits, and a compiled loop ends when it sees `aborted`.
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

from charloom.base.processors import processors
from charloom.base.types import Array
from charloom.kernel.cache import INNER, PASTED

CAME, MET, PLACES = 0, 8, 16  # in the gate: how many have come, how often all have; each in a cache line of its own
ABORTED = np.iinfo(np.int64).min  # at MET, which stays negative when the last thread of a meeting adds 1
PAYS, FEWEST = 50_000, 32  # products of a character from which on a meeting pays, and units for each thread
PATIENCE = 2000  # looks at the gate, a few microseconds, before a thread lets others have its processor


class Crew(NamedTuple):
    """As one of its members sees it: which one it is, from 0 on, of how many; and the gate where they meet."""

    me: int
    size: int
    gate: Array


ALONE = Crew(0, 1, np.zeros(PLACES, np.int64))


@njit(**PASTED)
def share(total: int, unit: int, crew: Crew) -> tuple[int, int]:
    """Return from where to where this member goes, of 0 to `total` in whole units: all are gone through by one."""
    units = -(-total // unit)
    return units * crew.me // crew.size * unit, min(units * (crew.me + 1) // crew.size * unit, total)


@njit(**INNER)
def meet(crew: Crew) -> None:
    """Wait until all are here, or the crew is aborted. What each has written until then, all others see after it."""
    if crew.size == 1:
        return
    gate = crew.gate
    met = _look(gate, MET)
    if met < 0:
        return
    if _add(gate, CAME, 1) == crew.size - 1:
        gate[CAME] = 0
        _add(gate, MET, 1)
        return
    looks = 0
    while _look(gate, MET) == met:
        looks += 1
        if looks > PATIENCE:
            _give_way()


@njit(**PASTED)
def aborted(crew: Crew) -> bool:
    """Return whether a member of the crew has raised an exception."""
    return _look(crew.gate, MET) < 0  # type: ignore[no-any-return]  # compiled to a bool


def members(products: int, m: int) -> int:
    """Return how many threads pay, of a network with m units and so many products for a character of all sequences."""
    return max(1, min(processors(), m // FEWEST)) if products >= PAYS else 1


def together(size: int, work: Callable[[Crew], Any]) -> Any:
    """Call `work` in so many threads, this one among them, and return what it returns here.

    Where the system gives no more threads, they are fewer. The first exception of any thread aborts the crew, and is
    raised here when all threads have ended.
    """
    gate, go, others = np.zeros(PLACES, np.int64), threading.Event(), list[threading.Thread]()
    errors = list[BaseException]()

    @contextmanager
    def aborting() -> Iterator[None]:
        try:
            yield
        except BaseException as error:  # noqa: BLE001  a KeyboardInterrupt, too; raised below
            gate[MET] = ABORTED
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
def _look(_: Any, array: Any, index: Any) -> Any:
    """Return array[index], as the others have left it."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(_pointer(context, builder, array, *arguments), "seq_cst", 8)

    return types.int64(array, types.intp), generate


@intrinsic
def _add(_: Any, array: Any, index: Any, value: Any) -> Any:
    """Add the value to array[index], and return what was there before."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, array, *arguments[:2])
        return builder.atomic_rmw("add", pointer, arguments[2], "seq_cst")

    return types.int64(array, types.intp, types.int64), generate


@intrinsic
def _give_way(_: Any) -> Any:
    """Let another thread have this processor."""

    def generate(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(), generate
