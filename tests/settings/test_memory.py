"""A training that does not fit into memory is refused before any of it is allocated."""

import psutil
import pytest

from charloom.base.errors import Unavailable
from charloom.network.rnn import size
from charloom.settings.memory import check_memory, training_memory


def test_more_than_the_machine_has_is_refused_and_what_it_has_is_not():
    check_memory(psutil.virtual_memory().total, "it")
    with pytest.raises(Unavailable, match=r"^not enough memory: it needs about .* GB, this machine has .* GB$"):
        check_memory(psutil.virtual_memory().total + 1, "it")


@pytest.mark.parametrize(("dtype", "item"), [("float64", 8), ("float32", 4)])
def test_what_is_said_to_be_needed_has_room_for_weights_accumulators_and_the_best(dtype, item):
    for m, K in ((8, 5), (100, 83), (3000, 5)):
        states = 3 * size(m, K) * item
        assert 3 * states < training_memory(m, K, 25, 0, dtype) < 20 * states + 2**20
