"""A model survives the disk to the bit, and is refused when damaged."""

import numpy as np
import pytest

from charloom.base.errors import Damaged, WrongInput
from charloom.base.storage import write
from charloom.model.model_file import Model, model_bytes, read_model
from charloom.network import rnn
from charloom.text.vocabulary import Vocabulary


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


def changed(folder, name, value):
    """Return a model's file in which one array is another one."""
    path = folder / "model.npz"
    write(path, model_bytes(model()))
    with np.load(path) as archive:
        arrays = dict(archive)
    np.savez(path, **arrays | {name: value})
    return path


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("W", np.zeros((5, 4))),
        ("W", np.full((5, 5), np.nan)),
        ("first", np.int64(6)),
        ("vocabulary", np.array([97, 98, 99, 100, 101, 0xD800], np.uint32)),
        ("W", np.zeros((5, 5), np.float32)),
        ("update", np.int64(-1)),
        ("smooth_loss", np.float64(np.inf)),
    ],
)
def test_a_file_with_one_wrong_array_is_refused_by_name(tmp_path, name, value):
    with pytest.raises(Damaged, match=r"model\.npz: not a model"):
        read_model(changed(tmp_path, name, value))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("h", np.array([0, 0, -1e308, 0, 0])),
        ("W", np.full((5, 5), 3e36)),
        ("V", np.full((6, 5), 1e308)),
    ],
)
def test_a_model_whose_outputs_could_overflow_is_refused(tmp_path, name, value):
    with pytest.raises(Damaged, match=r"model\.npz: its numbers are too large"):
        read_model(changed(tmp_path, name, value))


def test_a_truncated_file_and_a_missing_one_are_told_apart(tmp_path):
    path = tmp_path / "model.npz"
    with pytest.raises(WrongInput, match="No such file"):
        read_model(path)
    write(path, model_bytes(model()))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(Damaged):
        read_model(path)
