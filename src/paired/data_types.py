"""What was measured, by setting and seed; and what a comparison says of it: the words and numbers of every output."""

from typing import NamedTuple

Interval = tuple[float, float]
Seed = int | str
Curve = dict[int, float]  # a value by update

BETTER, WORSE, NO_DIFFERENCE, CANNOT_TELL = "better", "worse", "no difference that matters", "cannot tell yet"
VERDICTS = (BETTER, WORSE, NO_DIFFERENCE, CANNOT_TELL)
ALONE, AVERAGE, AT_LEVEL, INTERACTION = "setting", "average", "at a level", "interaction"  # what is compared
DEPENDS = "depends"  # the verdict of an interaction that is there
ALPHA = 0.05  # of all comparisons and looks together
LEVEL = 0.95  # of the intervals that everybody knows


class Measurement(NamedTuple):
    """One trial.

    value     of the measure; None where there is none: the trial failed, or diverged
    exploded  it came to nothing, as whoever measured it says; without a value it counts as such in any case
    reached   the first update at which it had reached the target; None where none was
    """

    value: float | None
    exploded: bool = False
    reached: int | None = None


class Measured(NamedTuple):
    """All trials of a comparison.

    measure     its name
    better      "lower" or "higher": of which values are better
    baseline    the setting to which the others are compared: one of `settings`
    settings    by name, in the order in which they are shown: each one's trials by seed
    curves      by name of the curve, setting and seed: its values at equal updates
    looks       numbers of seeds at which it was declared that somebody looks, the last the most; empty: not declared
    smallest_difference  in units of the measure: below it nobody cares; None: not declared
    target      what `reached` is about, "loss below 2"; empty: nothing is
    budget      updates of each trial, for times to the target; None: not known, or not one for all
    warnings    what a reader has to know of where they come from: each a sentence
    exploded    what `exploded` is about, in words
    levels      of each setting, by the name of a factor, its level: what varies and has an effect there
    amounts     of each setting, how much its trials were given: text, time; empty: not known
    amount      what that is, in words
    """

    measure: str
    better: str
    baseline: str
    settings: dict[str, dict[Seed, Measurement]]
    curves: dict[str, dict[str, dict[Seed, Curve]]] = {}  # noqa: RUF012  nobody writes to it
    looks: tuple[int, ...] = ()
    smallest_difference: float | None = None
    target: str = ""
    budget: int | None = None
    warnings: tuple[str, ...] = ()
    exploded: str = "failed, and has no value"
    levels: dict[str, dict[str, str]] = {}  # noqa: RUF012  nobody writes to it
    amounts: dict[str, float] = {}  # noqa: RUF012  nobody writes to it
    amount: str = ""


class Summary(NamedTuple):
    """A setting by itself.

    n             trials with a value
    mean, sd      of them; None where there are too few
    interval      Student's, at LEVEL, of the mean; None for fewer than two
    exploded      trials that did, of `trials`
    reached       trials that reached the target, of `trials`
    mean_time     updates to the target, a trial that did not reach it counted with the whole budget: the restricted
                  mean; None where no budget is known
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


class Later(NamedTuple):
    """All pairs, where a verdict fell before the last of them: their number, mean, and Student's interval at LEVEL."""

    n: int
    mean_difference: float
    interval: Interval | None


class Contrast(NamedTuple):
    """One level minus another, of the same seed: a setting minus the baseline, or what a factor does over all others.

    kind      ALONE: a setting; AVERAGE: the mean over all levels of the other factors; AT_LEVEL: at one level of
              another factor; INTERACTION: the difference at the second of two levels of another factor, minus that at
              the first
    setting   its name; of the other kinds it is empty
    factor, level, reference   the level and the one that it is compared with; empty for a setting
    other, at  the other factor, and its level or two; empty for a setting and an average
    amount    how many times as much the first side was given; 1 where that is not known
    differences       of each pair, by seed: the seeds with a value on both sides
    n                 pairs that count: those of the look at which the verdict fell, or else all
    mean_difference, sd, interval   of these; the interval is Student's at LEVEL
    tested_level, tested_interval   the level at which it was decided, after looks and Holm; Student's interval there
    p                 Student's two-sided p of the pairs that count
    adjusted_p        what decides: times the number of looks the smallest so far, over its share of the level
    verdict           one of the four; of an interaction DEPENDS or CANNOT_TELL
    later             None where all pairs count
    warnings          sentences about it
    turned_by         of an average without a verdict: the factors that turn its sign
    more_seeds        of a setting: (at least, at most) so many more would tell; `at most` is None where there is no
                      bound. None where the verdict has fallen
    time_interval     of a setting: Student's, at LEVEL, of the paired difference of restricted times
    exploded_p        of a setting: Boschloo's exact p for the numbers of explosions; None where none exploded
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
    verdict: str = CANNOT_TELL
    later: Later | None = None
    warnings: tuple[str, ...] = ()
    turned_by: tuple[str, ...] = ()
    more_seeds: tuple[int, int | None] | None = None
    time_interval: Interval | None = None
    exploded_p: float | None = None

    @property
    def of(self) -> tuple[str, str, str]:
        """The levels that are compared, whatever the others are."""
        return self.factor, self.level, self.reference


class Band(NamedTuple):
    """The paired difference along training: at each update its mean and Student's interval at LEVEL."""

    updates: list[int]
    means: list[float]
    intervals: list[Interval]


class Answer(NamedTuple):
    """All of it.

    looks       as declared; empty: not declared, one look at the n there is
    summaries   of each setting, in the order of the settings, the baseline among them
    comparisons of each setting but the baseline, in that order
    bands       by name of the curve and setting
    effects     of the factors, where the settings are all of their levels with each other: averages, interactions, and
                effects at the levels of factors that interact
    inseparable  factors that always change together, by name, each with its levels
    """

    measure: str
    better: str
    baseline: str
    looks: tuple[int, ...]
    smallest_difference: float | None
    target: str
    summaries: list[Summary]
    comparisons: list[Contrast]
    bands: dict[str, dict[str, Band]]
    warnings: tuple[str, ...]
    exploded: str = ""
    amount: str = ""
    effects: list[Contrast] = []  # noqa: RUF012  nobody writes to it
    inseparable: tuple[dict[str, tuple[str, ...]], ...] = ()
