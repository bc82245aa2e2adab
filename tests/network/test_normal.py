"""Normal draws of our own: NumPy's numbers, without what its C library adds to them."""

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from projects import STUDIES

from charloom.core.network.normal import R, standard_normal
from charloom.core.network.rnn import deviations, init
from charloom.results.study_table import read_frozen_question, read_runs


def stream(seed):
    return np.random.default_rng(seed)


def same_as_numpy(own, numpys):
    """Return whether all numbers before the tail are equal, and those of the tail within a unit in the last place."""
    tail = np.abs(own) > R
    near = np.abs(own - numpys)[tail] <= np.spacing(np.abs(own[tail]))
    return np.array_equal(own[~tail], numpys[~tail]) and near.all()


@given(st.integers(0, 2**64), st.integers(0, 4000))
def test_they_are_numpys(seed, count):
    own = standard_normal(stream(seed), count)
    assert own.shape == (count,)
    assert same_as_numpy(own, stream(seed).standard_normal(count))


def test_so_many_numbers_are_normal_and_reach_into_the_tail():
    own = standard_normal(stream(1), 1_000_000)
    assert same_as_numpy(own, stream(1).standard_normal(own.size))
    assert 200 < np.count_nonzero(np.abs(own) > R) < 320  # 257.6 are expected
    assert np.count_nonzero(own > R) > 80
    assert np.count_nonzero(own < -R) > 80


def drawn_by_numpy(m, K, sigma, seed):
    rng, scales = stream(seed), deviations(m, K, sigma)
    weights = [rng.normal(0.0, scales[name], size) for name, size in (("W", m * m), ("U", m * K), ("V", K * m))]
    return np.concatenate([*weights, np.zeros(m + K)])


def test_no_committed_result_starts_from_other_weights():
    """The digest is that of NumPy's draws, with glibc on processors with and without fused multiply-add."""
    starts = set()
    for study in STUDIES:
        runs = read_runs(study, read_frozen_question(study / "asked.json")).values()
        starts |= {(run.params.m, run.params.sigma, run.params.seed) for run in runs}
    assert len(starts) > 40
    digest = hashlib.sha256()
    for m, sigma, seed in sorted(starts, key=str):
        own = init(m, 83, sigma, stream(seed)).flat
        digest.update(own)
        np.testing.assert_allclose(own, drawn_by_numpy(m, 83, sigma, seed), rtol=1e-15, atol=0)
    assert digest.hexdigest()[:16] == "cef37aed8facf230"
