"""Threads that share an update: the same bits whatever their number, and every part of a loop done by one of them."""

import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from limits import threads_of_at_most
from projects import until
from states import flat

from charloom.core.base.errors import WrongInput
from charloom.core.base.processors import processors
from charloom.core.kernel import advance as kernel
from charloom.core.kernel import crew
from charloom.core.kernel.advance import advance
from charloom.core.kernel.update import updates
from charloom.core.network.adagrad import AdaGrad
from charloom.core.network.adam import Adam
from charloom.core.network.order import CHUNKS, Order
from charloom.core.network.recipe import Recipe
from charloom.core.network.state import initial_state

IDS = np.random.default_rng(1).integers(0, 19, 4001).astype(np.uint8)


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(
    m=st.sampled_from([1, 5, 31, 33, 48, 128]), T=st.integers(1, 27), n=st.sampled_from([1, 2, 3, 4, 5, 7, 32]),
    dtype=st.sampled_from(["float64", "float32"]), optimizer=st.sampled_from([AdaGrad(0.1), Adam(0.01)]),
    threads=st.sampled_from([2, 3, 5, 8]),
)  # fmt: skip
def test_any_number_of_threads_comes_to_the_same_bits(m, T, n, dtype, optimizer, threads):
    """In the state after them, the best weights, all losses and the statistics of update 1000."""
    recipe = Recipe(m, T, 0.01, 5.0, dtype, optimizer, "sum", Order(CHUNKS, 3 * T), n)
    state = replace(initial_state(recipe, 19, 1), update=995)
    alone, shared = (advance(state, IDS, 12, recipe, each) for each in (1, threads))
    assert flat(shared) == flat(alone)


@given(st.integers(0, 300), st.integers(1, 20), st.integers(1, 9))
def test_each_part_of_a_loop_is_done_once_and_in_whole_units(total, unit, size):
    parts = [crew.share.py_func(total, unit, crew.Crew(me, size, None)) for me in range(size)]
    done = [k for begin, end in parts for k in range(begin, end)]
    assert done == list(range(total))
    assert all(begin % unit == 0 for begin, end in parts if begin < end)


@pytest.mark.skipif(sys.platform != "linux", reason="no such limit here")
def test_a_crew_is_smaller_if_the_system_gives_no_more_threads():
    with threads_of_at_most(2):
        assert crew.together(8, lambda mine: mine.size) == 1 + 2


def running_since(before):
    """Return the running threads that are not in `before`.

    An interrupt within start() can leave a listed thread that has not completed its start and never runs its target.
    """
    return [thread for thread in threading.enumerate() if thread.is_alive() and thread not in before]


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
@pytest.mark.parametrize(("size", "failing"), [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2)])
def test_an_exception_in_one_thread_releases_the_others_and_is_raised(monkeypatch, size, failing, error):
    recipe, done = Recipe(33, 5, 0.01, 5.0, "float64", AdaGrad(0.1)), []

    def fail(*arguments):
        if arguments[-1].size == size and arguments[-1].me == failing:
            raise error
        done.append(updates(*arguments)[0])

    monkeypatch.setattr(kernel, "updates", fail)
    before = threading.enumerate()
    with pytest.raises(error):
        advance(initial_state(recipe, 19, 1), IDS, 9, recipe, size)
    assert not running_since(before)
    assert (done[0], len(done)) == (0, size)  # the first call compiles
    assert all(each <= 1 for each in done)  # of 9 updates: the others end at the next one


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it may come while one is forgotten
@pytest.mark.parametrize("milliseconds", [2, 4, 6, 8])
def test_an_interrupt_while_threads_start_releases_those_that_wait(milliseconds):
    before, right = threading.enumerate(), signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, milliseconds / 1000, 30)  # the second one ends a join of threads that wait
    with suppress(KeyboardInterrupt):
        crew.together(1000, lambda _: time.sleep(0.1))
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, right)
    until(lambda: not running_since(before))


def test_the_number_is_what_the_environment_says(monkeypatch):
    monkeypatch.setenv("CHARLOOM_THREADS", "3")
    assert processors() == 3
    for wrong in ("0", "-1", "two", "1.5", "1025", "٣"):
        monkeypatch.setenv("CHARLOOM_THREADS", wrong)
        with pytest.raises(WrongInput, match=f"^CHARLOOM_THREADS: {wrong} is not allowed; allowed is a whole number"):
            processors()
    monkeypatch.setenv("CHARLOOM_THREADS", "")
    assert processors() >= 1


@pytest.mark.parametrize(("outer", "inner", "quota"), [(None, 150, 2), (100, 150, 1), ("max", 50, 1), (None, "max", 9)])
def test_a_containers_share_of_the_processors_counts(monkeypatch, tmp_path, outer, inner, quota):
    monkeypatch.delenv("CHARLOOM_THREADS", raising=False)
    alone = processors(tmp_path / "none", tmp_path)
    (tmp_path / "cgroup").write_text("0::/outer/inner\n")
    (tmp_path / "outer/inner").mkdir(parents=True)
    for folder, share in (("outer", outer), ("outer/inner", inner)):
        if share:
            (tmp_path / folder / "cpu.max").write_text(f"{share} 100\n")
    assert processors(tmp_path / "cgroup", tmp_path) == min(alone, quota)
