"""A model survives the disk to the bit, and is refused when damaged."""

import numpy as np
import pytest

from charloom.core.base.errors import Damaged, WrongInput
from charloom.core.base.storage import write
from charloom.core.model.model_file import Model, model_bytes, read_model
from charloom.core.network import rnn
from charloom.core.text.vocabulary import Vocabulary

WRONG, LARGE = "not a model", "its numbers are too large"


def model(seed=1):
    rng = np.random.default_rng(seed)
    vocabulary = Vocabulary("".join(sorted(set("abc—😀\n"))))
    return Model(rnn.init(5, len(vocabulary), 1.0, rng), rng.normal(size=5), 3, vocabulary, 12_000, 44.25)


def test_a_model_reads_back_to_the_bit(tmp_path):
    write(tmp_path / "model.npz", model_bytes(model()))
    back = read_model(tmp_path / "model.npz")
    assert np.array_equal(back.theta.flat, model().theta.flat)
    assert np.array_equal(back.h, model().h)
    assert (back.first, back.vocabulary, back.update, back.smooth_loss) == (3, model().vocabulary, 12_000, 44.25)


@pytest.mark.parametrize(("name", "value", "said"), [
    ("W", np.zeros((5, 4)), WRONG),
    ("W", np.full((5, 5), np.inf), WRONG),
    ("first", np.int64(6), WRONG),
    ("vocabulary", np.array([97, 98, 99, 100, 101, 0xD800], np.uint32), WRONG),
    ("update", np.int64(-1), WRONG),
    ("h", np.array([0, 0, -1e308, 0, 0]), LARGE),  # outputs could overflow
    ("W", np.full((5, 5), 3e36), LARGE),
    ("V", np.full((6, 5), 1e308), LARGE),
])  # fmt: skip
def test_a_file_with_one_wrong_array_is_refused_by_name(tmp_path, name, value, said):
    path = tmp_path / "model.npz"
    write(path, model_bytes(model()))
    with np.load(path) as archive:
        arrays = dict(archive)
    np.savez(path, **arrays | {name: value})
    with pytest.raises(Damaged, match=rf"model\.npz: {said}"):
        read_model(path)


def test_a_missing_file_is_no_damaged_one(tmp_path):
    """Truncated and changed ones: tests/training/test_damaged_files.py."""
    with pytest.raises(WrongInput, match="No such file"):
        read_model(tmp_path / "model.npz")
