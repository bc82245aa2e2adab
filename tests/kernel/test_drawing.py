"""Characters are ranked as a stable sort ranks them."""

import numpy as np
import pytest

from charloom.kernel import drawing


@pytest.mark.parametrize("K", [1, 2, 15, 16, 17, 31, 32, 33, 48, 100, 257])
@pytest.mark.parametrize("different", [2, 1000])
def test_characters_are_ranked_from_the_likeliest_down_and_equals_by_id(K, different):
    outputs = np.random.default_rng(K).integers(0, different, (1, K)).astype(float)
    order = np.array([range(K), [-1] * K])
    row = drawing._sort.py_func(order, outputs)
    assert order[row].tolist() == np.argsort(-outputs[0], kind="stable").tolist()
