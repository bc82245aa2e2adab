"""What dvc.yaml and dvc.lock say of a stage, by name."""

import pytest
from projects import ROOT

from charloom.core.base.errors import Damaged
from charloom.core.config.params import flat_of
from charloom.core.config.pipeline import params_of
from charloom.core.config.reading import read_params
from charloom.results.dvc_lock import LockedStage, stages_in

PARAMS = read_params(ROOT / "params.yaml")
LOCK = b"""
stages:
  a:
    cmd: x
    deps: [{path: src, hash: md5, md5: 1.dir}, {path: far, etag: "2"}]
    params: {params.yaml: {m: 3, train: {updates: 4}, train.clip: 5}}
    outs: [{path: out, md5: "3"}]
  b: {cmd: y}
"""


@pytest.mark.parametrize(("names", "expected"), [
    (["prepare"], ["prepare.text", "prepare.held_out"]), (["train.clip", "eta"], ["train.clip", "eta"]),
    (["tra", "nothing"], []), ([{"other.yaml": ["m"]}], []), ([{"params.yaml": None}], list(flat_of(PARAMS))),
])  # fmt: skip
def test_a_stage_depends_on_its_named_params_or_on_all_of_params_yaml(names, expected):
    found = params_of({"params": names}, PARAMS)
    assert found == {name: flat_of(PARAMS)[name] for name in expected}
    assert params_of({}, PARAMS) == {}


def test_dvc_lock_is_read_by_name():
    """Locks that are none, and stages as they are now: tests/proof/test_contradictions.py."""
    params = {"m": 3, "train.updates": 4, "train.clip": 5}
    deps = {"src": "1.dir", "far": "{'path': 'far', 'etag': '2'}"}
    assert stages_in(LOCK) == {"a": LockedStage("x", deps, params, {"out": "3"}), "b": LockedStage("y", {}, {}, {})}
    with pytest.raises(Damaged):
        stages_in(b"\xff")
