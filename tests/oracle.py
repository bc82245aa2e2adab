"""The kernel beside the plain loops, to the bit."""

from dataclasses import replace

import numpy as np

from charloom.core.kernel.advance import advance
from charloom.signature import plain


def copied(theta):
    """Return the same numbers in a vector of their own."""
    return replace(theta, flat=theta.flat.copy())


def batch(ids, starts, T):
    """Return the T characters that are read from each start on, and those that follow them; both (T, n)."""
    read = np.stack([ids[start : start + T + 1] for start in starts], axis=1)
    return read[:-1], read[1:]


def same_bits(recipe, state, ids, updates):
    """Assert that the kernel and the plain loops agree in every loss, weight, accumulator and in the last states."""
    rows = advance(state, ids, updates, recipe)
    theta, kept, h = copied(state.theta), tuple(map(copied, state.accumulators)), state.h.copy()
    starts, zero = recipe.places(0, updates + 1, len(ids), state.seed)
    for update in range(updates):
        h[zero[update]] = 0
        loss, passed = plain.passes(theta, *batch(ids, starts[update], recipe.seq_length), h, recipe)
        recipe.step(theta, kept, plain.gradients_of(theta, passed, recipe.dtype), update)
        h = passed.h[-recipe.batch :]
        assert rows.losses[update] == loss, update
    assert rows.after.theta.flat.tobytes() == theta.flat.tobytes()
    for after, each in zip(rows.after.accumulators, kept, strict=True):
        assert after.flat.tobytes() == each.flat.tobytes()
    h[zero[updates]] = 0
    assert rows.after.h.tobytes() == h.tobytes()
