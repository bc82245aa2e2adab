"""What dvc.yaml and dvc.lock say of a stage, by name."""

from contextlib import chdir

import pytest

from charloom.base.errors import Damaged
from charloom.settings.dvc_lock import Stage, locked, stages_in
from charloom.settings.pipeline import params_of

PARAMS = {"m": 3, "eta": 0.1, "train": {"updates": 4, "clip": {"at": 5}}, "trainer": 6}
LOCK = b"""
stages:
  a:
    cmd: x
    deps: [{path: src, hash: md5, md5: 1.dir}, {path: far, etag: "2"}]
    params: {params.yaml: {m: 3, train: {updates: 4}, train.clip: 5}, other.yaml: {z: 1}}
    outs: [{path: out, md5: "3"}]
  b: {cmd: y}
"""


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["m"], {"m": 3}),
        (["train"], {"train.updates": 4, "train.clip.at": 5}),
        (["train.clip", "eta"], {"train.clip.at": 5, "eta": 0.1}),
        (["train.updates"], {"train.updates": 4}),
        (["nothing"], {}),
        ([{"params.yaml": None}], {"m": 3, "eta": 0.1, "train.updates": 4, "train.clip.at": 5, "trainer": 6}),
    ],
)
def test_a_stage_depends_on_the_params_that_it_names_and_on_all_where_an_entry_is_no_name(names, expected):
    found = params_of({"params": names}, PARAMS)
    assert list(found.items()) == list(expected.items())
    assert params_of({}, PARAMS) == {}


def test_dvc_lock_is_read_by_name():
    assert stages_in(LOCK) == {
        "a": Stage("x", {"m": 3, "train.updates": 4, "train.clip": 5}, {"src": "1.dir", "far": None}, {"out": "3"}),
        "b": Stage("y", {}, {}, {}),
    }


@pytest.mark.slow
def test_a_lock_that_is_not_there_is_not_what_dvc_wrote(tmp_path):
    with chdir(tmp_path), pytest.raises(Damaged, match=r"^dvc.lock: not what DVC wrote; "):
        locked()
    for content in (b"\xff", b"[" * 9999, b"stages: {a: {}}"):
        with pytest.raises(Damaged):
            stages_in(content)
