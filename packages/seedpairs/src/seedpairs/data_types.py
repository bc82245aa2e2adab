"""The types of measurements and answers, and the words of the verdicts.

A setting is a configuration of the program that is compared. A trial is one run of a setting with a seed. Two trials
with the same seed, one on each side of a comparison, are a pair. A look is a number of seeds at which the data are
tested. ALPHA is the probability of a false claim in all tests together: each test gets a part of ALPHA, its share. A
test with the share a has the tested level 1 − a: it is significant if Student's interval at that level excludes 0.
"""

from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

Interval = tuple[float, float]
Seed = int | str
Curve = dict[int, float]  # update to value

BETTER, WORSE, NO_DIFFERENCE, CANNOT_TELL = "better", "worse", "no difference that matters", "cannot tell yet"
VERDICTS = (BETTER, WORSE, NO_DIFFERENCE, CANNOT_TELL)
ALONE, AVERAGE, AT_LEVEL, INTERACTION = "setting", "average", "at a level", "interaction"  # kinds
DEPENDS = "depends"  # the verdict of a significant interaction
ALPHA = 0.05  # family-wise error rate of all comparisons and looks
LEVEL = 0.95  # of the plain intervals, which are not corrected for several tests


class Measurement(NamedTuple):
    """The result of one trial.

    value     the measured value; None if the trial failed or diverged
    exploded  the caller's judgement that the result is useless; a trial without a value always counts as exploded
    reached   the first update at which the trial had reached the target; None if it never did, or no target is set
    parts     the value in each part of the test data; empty: unknown
    """

    value: float | None
    exploded: bool = False
    reached: int | None = None
    parts: tuple[float, ...] = ()


@dataclass(frozen=True)
class Measured:
    """All trials of a comparison.

    measure     name of the measure
    better      "lower" or "higher": which values are better
    baseline    name of the setting that the others are compared with, one of `settings`
    settings    the trials, as settings[name of setting][seed], with the settings in the order of display
    curves      the curves, as curves[name of curve][name of setting][seed]
    looks       declared numbers of seeds, ascending, at which the data are tested; empty: none declared
    smallest_difference  in units of the measure: smaller differences do not matter; None: not declared
    target      the target of Measurement.reached, in words such as "loss below 2"; empty: no target
    budget      number of updates of a trial, for times to the target; None: unknown, or not equal for all trials
    warnings    sentences about the origin of the trials
    exploded    explanation for readers: when a trial counts as exploded
    levels      the values (levels) of factors, as levels[name of setting][factor]. A factor is a param that varies;
                factors without an effect in a setting are left out there
    amounts     setting to the amount of text or time that a trial of the setting used, in any unit; empty: unknown
    amount      noun for what `amounts` measures, such as "text read"; "" if `amounts` is empty
    title       the question in the user's words; empty: none given
    names       setting to its name in the user's words: see analysis.with_labels; a setting without one is not a key
    part        plural noun for the parts of the test data (see Measurement.parts); "" if there are none
    """

    measure: str
    better: str
    baseline: str
    settings: dict[str, dict[Seed, Measurement]]
    curves: dict[str, dict[str, dict[Seed, Curve]]] = field(default_factory=dict)
    looks: tuple[int, ...] = ()
    smallest_difference: float | None = None
    target: str = ""
    budget: int | None = None
    warnings: tuple[str, ...] = ()
    exploded: str = "failed, and has no value"
    levels: dict[str, dict[str, str]] = field(default_factory=dict)
    amounts: dict[str, float] = field(default_factory=dict)
    amount: str = ""
    title: str = ""
    names: dict[str, str] = field(default_factory=dict)
    part: str = ""


class Summary(NamedTuple):
    """Statistics of the values of one setting, at the look of the setting's contrast with the baseline.

    If that contrast is not tested, the statistics are those of all trials. The baseline's statistics are those of the
    last look of any contrast.

    trials        number of trials
    n             number of trials with a value
    mean, sd      mean and standard deviation of the values; None if there are too few
    interval      Student's interval of the mean, at LEVEL; None for fewer than two values, or two equal ones
    exploded      number of the `trials` that exploded
    reached       number of the `trials` that reached the target
    mean_time     mean of the updates to the target; a trial that did not reach it counts with the whole budget (the
                  restricted mean); None if there is no target, or the budget is unknown
    """

    setting: str
    trials: int
    n: int
    mean: float | None
    sd: float | None
    interval: Interval | None
    exploded: int
    reached: int
    mean_time: float | None


class Moments(NamedTuple):
    """The number n of some values, the mean, and the sample standard deviation sd (with the divisor n − 1).

    The mean is None if there are no values, the sd if there are fewer than two.
    """

    n: int
    mean: float | None = None
    sd: float | None = None


class Look(NamedTuple):
    """The paired differences of a contrast at one look, that is, of the first `seeds` seeds.

    seeds   number of seeds
    pairs   number, mean and standard deviation of the paired differences
    lost    number of trials without a value, on the contrast's first side and on its second side
    """

    seeds: int
    pairs: Moments
    lost: tuple[int, int] = (0, 0)

    def barred(self, kind: str) -> tuple[str, ...]:
        """Return the verdicts that this kind of contrast cannot get, because trials without a value could reverse them.

        The side with more such trials looks better than it is, because its worst values are missing. So a verdict in
        favour of that side, and NO_DIFFERENCE, are excluded. For an interaction NO_DIFFERENCE is always excluded.
        """
        if kind == INTERACTION:
            return (BETTER, NO_DIFFERENCE, WORSE) if any(self.lost) else (NO_DIFFERENCE,)
        sign = self.lost[0] - self.lost[1]
        return (BETTER, NO_DIFFERENCE) if sign > 0 else (NO_DIFFERENCE, WORSE) if sign < 0 else ()


class Contrast(NamedTuple):
    """A paired difference and the result of its test: a setting minus the baseline, or an effect of a factor.

    kind      ALONE: a setting; AVERAGE: the mean over all levels of the other factors; AT_LEVEL: at one level of
              another factor; INTERACTION: the difference at the second of two levels of another factor, minus the
              difference at the first
    setting   name of the setting; empty for the other kinds
    factor, level, reference   the factor, its level, and the level that this one is compared with; "" for a setting
    other, at  the other factor, and one level (AT_LEVEL) or two levels (INTERACTION) of it; otherwise empty
    amount    the first side's amount of text or time divided by the second side's; 1 if unknown
    differences       seed to difference, for the seeds with a value on both sides
    n                 number of pairs that count: see rule.counted_at
    mean_difference, sd, interval   of the pairs that count; Student's interval at LEVEL
    tested_level, tested_interval   the level after correction for looks and several tests, and Student's interval
                      at this level. Level 1: not tested, because the contrast has no share. Interval None: undefined
    barred            verdicts that are excluded at the look that counts: see Look.barred
    p                 Student's two-sided p of the pairs that count
    adjusted_p        p corrected for looks and several tests: the smallest p so far times the number of looks, divided
                      by the contrast's share of the level; None if no p is defined
    verdict           one of the four VERDICTS; for an interaction DEPENDS or CANNOT_TELL
    warnings          sentences about the contrast
    turned_by         for an average without a verdict: the factors that reverse its sign
    more_seeds        estimated number of further seeds that a verdict needs, as (least, most); most is None if there
                      is no bound. None instead of the pair: there is a verdict, the contrast is an interaction, or
                      `turned_by` or `untested` says why there is no verdict
    time_interval     for a setting: Student's interval at LEVEL of the paired difference in the number of updates to
                      the target (see Summary.mean_time)
    parts             for a setting: the number of parts of the test data whose mean difference has the sign of
                      `mean_difference`, and the number of all parts; None if unknown. No verdict depends on it
    at_looks          each look that is reached
    look              index of the look that decided, or of the last look reached; None if there is none, or if the
                      contrast is not tested
    """

    kind: str
    setting: str = ""
    factor: str = ""
    level: str = ""
    reference: str = ""
    other: str = ""
    at: tuple[str, ...] = ()
    amount: float = 1.0
    differences: dict[Seed, float] = {}  # noqa: RUF012  nobody writes to it
    n: int = 0
    mean_difference: float | None = None
    sd: float | None = None
    interval: Interval | None = None
    tested_level: float = 0.0
    tested_interval: Interval | None = None
    p: float | None = None
    adjusted_p: float | None = None
    barred: tuple[str, ...] = ()
    verdict: str = CANNOT_TELL
    warnings: tuple[str, ...] = ()
    turned_by: tuple[str, ...] = ()
    more_seeds: tuple[int, int | None] | None = None
    time_interval: Interval | None = None
    parts: tuple[int, int] | None = None
    at_looks: tuple[Look, ...] = ()
    look: int | None = None

    @property
    def counting(self) -> dict[Seed, float]:
        """Return the differences of the pairs that count: the first `n`, because a look tests the first seeds."""
        return dict(islice(self.differences.items(), self.n))

    @property
    def of(self) -> tuple[str, str, str]:
        """Return the factor, the level and its reference, without the other factor."""
        return self.factor, self.level, self.reference

    @property
    def untested(self) -> bool:
        """Return whether the effect is not tested, because no interaction that contains it is significant.

        Such an effect has no share of ALPHA.
        """
        return self.kind == AT_LEVEL and self.tested_level == 1.0


class Band(NamedTuple):
    """The mean of several curves at each update, and Student's interval of the mean at LEVEL.

    `intervals` is empty for a single curve. The curves are those of a setting's seeds, or the differences between each
    of these curves and the baseline's curve with the same seed.
    """

    updates: list[int]
    means: list[float]
    intervals: list[Interval]


@dataclass(frozen=True, kw_only=True)
class Analysis(Measured):
    """The answer of a comparison: the measurements, and the results of the tests.

    summaries   a summary of each setting, the baseline included, in the order of the settings
    comparisons a contrast with the baseline of each other setting, in the same order
    bands       the bands of paired differences, as bands[name of curve][name of setting]
    effects     effects of the factors, if the settings are all combinations of the factors' levels: averages,
                interactions, and effects at the levels of factors that interact
    inseparable  groups of factors that always change together; a group maps each factor's name to its levels
    """

    summaries: list[Summary]
    comparisons: list[Contrast]
    bands: dict[str, dict[str, Band]] = field(default_factory=dict)
    effects: list[Contrast] = field(default_factory=list)
    inseparable: tuple[dict[str, tuple[str, ...]], ...] = ()

    @property
    def has_times(self) -> bool:
        """Return whether a target is set and a trial reached it. If not, there are no times to compare."""
        return bool(self.target) and any(summary.reached for summary in self.summaries)
