"""The hash of results is theirs: equal for equal numbers, another for any other bit, order, type or shape."""

import numpy as np
import pytest

from charloom.results.identity import results_hash

LAST, BEST, TRACE = np.arange(6.0), np.arange(6.0) + 1, (np.arange(3.0), np.arange(4.0))


def test_equal_results_have_one_hash_wherever_they_lie_in_memory():
    apart, swapped = np.repeat(LAST, 2)[::2], BEST.astype(">f8")
    assert results_hash(apart, swapped, list(TRACE)) == results_hash(LAST, BEST, TRACE)


@pytest.mark.parametrize(
    "other",
    [(np.nextafter(LAST, 9), BEST, TRACE), (LAST, np.nextafter(BEST, 9), TRACE), (BEST, LAST, TRACE),
     (LAST, BEST, (TRACE[0], np.nextafter(TRACE[1], 9))), (LAST, BEST, TRACE[::-1]), (LAST, BEST, TRACE[:1]),
     (LAST, BEST, (np.concatenate(TRACE),)), (LAST.astype("f4"), BEST, TRACE), (-0.0 * LAST, BEST, TRACE)],
    ids=["last", "best", "both", "trace", "order", "fewer", "joined", "type", "minus zero"],
)  # fmt: skip
def test_any_other_number_place_or_type_is_another_hash(other):
    assert results_hash(*other) != results_hash(LAST, BEST, TRACE)
