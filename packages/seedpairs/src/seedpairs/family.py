"""Multiple testing: the hypotheses share the level, and a rejected hypothesis passes its share on to the others.

With equal shares this is Holm's procedure. A rejected interaction passes its share on to the effects of which it
consists: the effects of each of two factors at two levels of the other. If the effects of a factor differ, they are not
both zero, so at most one of the two claims can be false. By the sequential rejection principle (Goeman & Solari 2010,
Annals of Statistics 38) at most one answer in twenty claims a difference that does not exist, however the p-values
depend on each other: the shares of the true hypotheses never sum to more than 1, and no share becomes smaller.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Split = tuple[tuple[int, int], tuple[int, int]]  # one factor's effects at two levels of another; then vice versa


class Family(NamedTuple):
    """Hypotheses that share a level. A hypothesis is identified by its index.

    shares  share of the level for each hypothesis, above 0, in any unit; 0 for a hypothesis that only inherits shares
    splits  index of an interaction to the indices of the effects that inherit its share
    """

    shares: Sequence[float]
    splits: Mapping[int, Split] = {}

    def steps(self, p: Sequence[float], alpha: float) -> list[tuple[float, float]]:
        """Return, for each hypothesis, (adjusted p, divisor). Its p was compared with alpha / divisor.

        p  the p-value of each hypothesis

        In each step the procedure rejects the hypothesis whose p is smallest relative to its share, if p is at most
        alpha / divisor; otherwise it stops, and the remaining hypotheses have the divisors of this last step. The
        divisor is infinite for a hypothesis without a share. Hypotheses with equal p relative to their shares are
        rejected together, so their order does not matter. An adjusted p is at most alpha if and only if the hypothesis
        is rejected.
        """
        values, open_ = np.asarray(p, dtype=float), np.ones(len(p), dtype=bool)
        parents, parts = (np.array(list(indices), dtype=int) for indices in (self.splits, self.splits.values()))
        adjusted, steps = np.ones(len(p)), np.full(len(p), math.inf)
        largest, stopped = 0.0, False
        while open_.any() and largest < 1.0:
            divisors = self._divisors(open_, parents, parts.reshape(-1, 2, 2))
            corrected = np.multiply(values, divisors, out=np.ones(len(p)), where=np.isfinite(divisors))
            sizes = np.minimum(1.0, corrected)
            largest = max(largest, float(sizes.min()))
            if not stopped:
                steps[open_], stopped = divisors[open_], largest > alpha
            next_ = open_ & (sizes == sizes.min())
            adjusted[next_], open_ = largest, open_ & ~next_
        return list(zip(adjusted.tolist(), steps.tolist(), strict=True))

    def _divisors(self, open_: NDArray[Any], parents: NDArray[Any], parts: NDArray[Any]) -> NDArray[Any]:
        """Return, for each hypothesis, the sum of all shares in use divided by its own share; ∞ if its share is 0.

        open_    (hypotheses,) true if the hypothesis is not yet rejected
        parents  (k,) the indices of k interactions
        parts    (k, 2, 2) the indices of the effects that inherit the shares of these interactions
        """
        shares = np.asarray(self.shares)
        own_shares, alive = np.where(open_, shares, 0.0), open_[parts]
        pairs = alive.any(axis=2).sum(axis=1)
        passed_on = np.where(open_[parents] | (pairs == 0), 0.0, shares[parents])
        in_use = own_shares.sum() + passed_on.sum()
        np.add.at(own_shares, parts, (passed_on / np.maximum(pairs, 1))[:, None, None] * alive)
        return np.asarray(np.divide(in_use, own_shares, out=np.full(len(own_shares), math.inf), where=own_shares > 0.0))
