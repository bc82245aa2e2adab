"""The order in which a text is read: what each epoch reads, and that a training that goes on draws the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charloom.core.network.order import AS_IT_STANDS, CHUNKS, POSITIONS, Order, sequences


@st.composite
def settings(draw):
    T = draw(st.integers(1, 9))
    order, n = Order(CHUNKS, draw(st.integers(T, 60))), draw(st.integers(1, 9))
    return order, draw(st.integers(n * T + 1, 300)), T, n, draw(st.integers(0, 2**32))


def test_reading_goes_from_front_to_back_and_an_epoch_starts_from_zero():
    """Of the shortest and of an uneven text."""
    assert [each.tolist() for each in AS_IT_STANDS.places(0, 2, 4, 3, 1, 1)] == [[[0], [0]], [[True], [True]]]
    starts, zero = AS_IT_STANDS.places(0, 4, 10, 3, 1, 1)
    assert (starts.tolist(), zero.tolist()) == ([[0], [3], [6], [0]], [[True], [False], [False], [True]])


@pytest.mark.parametrize(("characters", "sequences_of_three"), [(4, 1), (6, 1), (7, 2), (9, 2), (10, 3)])
def test_an_epoch_ends_where_the_next_sequence_would_lack_its_last_target(characters, sequences_of_three):
    starts, _ = AS_IT_STANDS.places(0, sequences_of_three + 1, characters, 3, 1, 1)
    assert starts[:, 0].tolist() == [*range(0, 3 * sequences_of_three, 3), 0]


@given(settings())
def test_a_batch_reads_what_an_epoch_reads_cut_into_parts(setting):
    """In any order that has epochs: the next part begins where the one before ends, and from a zero state."""
    chunks, characters, T, n, seed = setting
    length = sequences(characters, T) // n
    for order in (AS_IT_STANDS, chunks):
        starts, zero = order.places(2 * length, length, characters, T, n, seed)
        S = sequences(characters, T)
        once, its_zero = order.places(2 * S, S, characters, T, 1, seed)
        np.testing.assert_array_equal(starts.T.ravel(), once[: n * length, 0])
        assert zero[0].all()
        np.testing.assert_array_equal(zero[1:].T.ravel(), its_zero[: n * length, 0].reshape(n, length)[:, 1:].ravel())


@given(settings())
def test_an_epoch_of_chunks_reads_what_an_epoch_of_reading_does_in_pieces(setting):
    order, characters, T, _, seed = setting
    n = sequences(characters, T)
    starts, zero = (each[:, 0] for each in order.places(3 * n, n, characters, T, 1, seed))
    assert sorted(starts) == list(range(0, n * T, T))
    chunks = np.split(starts, np.flatnonzero(zero)[1:])
    length = order.chunk_length // T
    assert all(len(chunk) <= length and np.all(np.diff(chunk) == T) for chunk in chunks)
    assert len(chunks) == -(-n // length)
    assert sum(len(chunk) < length for chunk in chunks) <= 1


@given(settings(), st.sampled_from([CHUNKS, POSITIONS]), st.integers(0, 2500), st.integers(1, 2500))
def test_updates_in_parts_are_those_of_a_whole(setting, name, first, count):
    order, *rest = setting
    order = order._replace(name=name)
    whole = order.places(0, first + count, *rest)
    part = order.places(first, count, *rest)
    for all_of_it, its_end in zip(whole, part, strict=True):
        np.testing.assert_array_equal(all_of_it[first:], its_end)


@pytest.mark.parametrize("order", [Order(CHUNKS, 30), Order(POSITIONS)])
def test_each_epoch_and_each_seed_has_an_order_of_its_own(order):
    n = sequences(301, 3)
    drawn = [order.places(update, n, 301, 3, 1, seed)[0].tolist() for update, seed in ((0, 1), (n, 1), (0, 2))]
    assert len({str(each) for each in drawn}) == 3


def test_positions_are_all_of_those_from_which_a_sequence_can_be_read():
    starts, zero = Order(POSITIONS).places(0, 2500, 20, 3, 2, 1)
    assert set(starts.ravel().tolist()) == set(range(17))  # the last reads 16 to 18, and 19 follows
    assert zero.all()
