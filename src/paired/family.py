"""How the level is shared among all that a page tests, and what is found leaves its share to the rest.

Holm's steps are the case of equal shares. An interaction that is found gives its share to what it is made of, the
effect of either factor at the levels of the other: two such effects that differ are not both zero, so at most one of
each two claims can be false. By the sequential rejection principle (Goeman & Solari 2010, Annals of Statistics 38) one
answer in twenty at most claims anything that is not there, however the p depend on each other: the shares of what is
true never sum to more than 1, and no share becomes smaller.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Split = tuple[tuple[int, int], tuple[int, int]]  # the effects of one factor at two levels of another; then vice versa


class Family(NamedTuple):
    """Hypotheses.

    shares  of each, above 0, in any unit; 0 for one that has a share of others only
    splits  of an interaction, by its place: the places of the effects that it gives its share to
    """

    shares: Sequence[float]
    splits: Mapping[int, Split] = {}

    def steps(self, p: Sequence[float], alpha: float) -> list[tuple[float, float]]:
        """Return of each p its adjusted p and the number by which its step divides alpha: infinite without a share.

        The p that is smallest beside its share goes first, until one is above: those after it are tested where they
        were then. Equal ones go together, so that the order of the hypotheses is all one. An adjusted p is at most
        alpha exactly where the p passes its step.
        """
        values, open_ = np.asarray(p, dtype=float), np.ones(len(p), dtype=bool)
        splits = np.array(list(self.splits), dtype=int), np.array(list(self.splits.values()), dtype=int)
        adjusted, steps = np.ones(len(p)), np.full(len(p), math.inf)
        largest, stopped = 0.0, False
        while open_.any() and largest < 1.0:
            divisors = self._divisors(open_, *splits)
            sizes = np.full(len(p), math.inf)
            there = open_ & np.isfinite(divisors)
            sizes[there] = np.minimum(1.0, values[there] * divisors[there])
            largest = max(largest, float(sizes.min()))
            if not stopped:
                steps[open_], stopped = divisors[open_], largest > alpha
            next_ = open_ & (sizes == sizes.min())
            adjusted[next_], open_ = largest, open_ & ~next_
        return list(zip(adjusted.tolist(), steps.tolist(), strict=True))

    def _divisors(self, open_: NDArray[Any], parents: NDArray[Any], parts: NDArray[Any]) -> NDArray[Any]:
        """Return the sum of all shares that are in use, in units of each one's own.

        parents  the places of k interactions
        parts    (k, 2, 2): of what each is made of
        """
        shares = np.asarray(self.shares)
        own = np.where(open_, shares, 0.0)
        in_use = own.sum()
        if len(parents):
            alive = open_[parts]
            pairs = alive.any(axis=2).sum(axis=1)
            given = np.where(open_[parents] | (pairs == 0), 0.0, shares[parents])
            in_use += given.sum()
            np.add.at(own, parts, (given / np.maximum(pairs, 1))[:, None, None] * alive)
        return np.asarray(np.divide(in_use, own, out=np.full(len(own), math.inf), where=own > 0.0))


def equal(n: int) -> Family:
    """Return n hypotheses with equal shares: Holm's."""
    return Family([1.0] * n)
