"""How fast a training was, in characters a second: all sequences of a batch count."""

from types import SimpleNamespace

import pytest
from projects import ROOT

from charloom.settings.params import read_params
from charloom.tracking.completion import RATE, points


@pytest.mark.parametrize("batch", [1, 8])
def test_the_rate_counts_what_an_update_reads(batch):
    params = read_params(ROOT / "params.yaml").model_copy(update={"batch": batch})
    log = SimpleNamespace(points=[("smooth_loss", 0, 4.0, 100.0), ("smooth_loss", 4000, 3.0, 120.0)])
    assert points(log, params)[RATE] == {4000: 4000 * 25 * batch / 20.0}
