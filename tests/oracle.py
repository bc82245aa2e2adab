"""The kernel beside the plain loops, to the bit."""

from dataclasses import replace

import numpy as np

from charloom.kernel.advance import advance, start
from charloom.signature import plain


def initial(recipe, K, seed):
    """Return the state before the first update."""
    return start(*recipe.initial(K, seed))


def copied(theta):
    """Return the same numbers in a vector of their own."""
    return replace(theta, flat=theta.flat.copy())


def sequence(ids, update, T):
    """Return the characters that the update reads, and those that follow them; position 0 starts an epoch."""
    position = update % ((len(ids) - 1) // T) * T
    return position, ids[position : position + T], ids[position + 1 : position + T + 1]


def same_bits(recipe, state, ids, updates):
    """Assert that the kernel and the plain loops agree in every loss, weight, accumulator and in the last state."""
    rows = advance(state, ids, updates, recipe)
    theta, kept, h = copied(state.theta), tuple(map(copied, state.kept)), state.h
    for update in range(updates):
        position, x, y = sequence(ids, update, recipe.seq_length)
        h = np.zeros_like(h) if position == 0 else h
        loss, h = plain.update(theta, kept, x, y, h, recipe, update)
        assert rows.losses[update] == loss, update
    assert rows.after.theta.flat.tobytes() == theta.flat.tobytes()
    for after, each in zip(rows.after.kept, kept, strict=True):
        assert after.flat.tobytes() == each.flat.tobytes()
    at_the_end = sequence(ids, updates, recipe.seq_length)[0] == 0
    assert rows.after.h.tobytes() == (np.zeros_like(h) if at_the_end else h).tobytes()
