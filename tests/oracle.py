"""The kernel beside the plain loops, to the bit."""

import numpy as np

from charloom.kernel.advance import advance, start
from charloom.network import rnn
from charloom.network.rnn import Parameters
from charloom.signature import plain


def initial(m, K, dtype, seed, sigma, accumulator):
    """Return the state before the first update."""
    drawn = rnn.init(m, K, sigma, np.random.default_rng(seed))
    return start(Parameters(drawn.flat.astype(dtype), m, K), accumulator)


def sequence(ids, update, T):
    """Return the characters that the update reads, and those that follow them; position 0 starts an epoch."""
    position = update % ((len(ids) - 1) // T) * T
    return position, ids[position : position + T], ids[position + 1 : position + T + 1]


def same_bits(state, ids, updates, T, clip):
    """Assert that the kernel and the plain loops agree in every loss, weight, accumulator and in the last state."""
    rows = advance(state, ids, updates, seq_length=T, eta=0.1, clip=clip)
    theta, s, h = state.theta.copy(), state.accumulators.copy(), state.h
    for update in range(updates):
        position, x, y = sequence(ids, update, T)
        h = np.zeros_like(h) if position == 0 else h
        loss, h = plain.update(theta, s, x, y, h, 0.1, clip)
        assert rows.losses[update] == loss, update
    assert rows.after.theta.flat.tobytes() == theta.flat.tobytes()
    assert rows.after.accumulators.flat.tobytes() == s.flat.tobytes()
    at_the_end = sequence(ids, updates, T)[0] == 0
    assert rows.after.h.tobytes() == (np.zeros_like(h) if at_the_end else h).tobytes()
