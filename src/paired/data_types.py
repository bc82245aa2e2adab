"""What was measured, by setting and seed; and what a comparison says of it: the words and numbers of every output."""

from typing import NamedTuple

Interval = tuple[float, float]
Seed = int | str
Curve = dict[int, float]  # a value by update

BETTER, WORSE, NO_DIFFERENCE, CANNOT_TELL = "better", "worse", "no difference that matters", "cannot tell yet"
VERDICTS = (BETTER, WORSE, NO_DIFFERENCE, CANNOT_TELL)
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


class Comparison(NamedTuple):
    """A setting beside the baseline. A difference is the setting's value minus the baseline's, of the same seed.

    n                 pairs: seeds with a value on both sides
    differences       of each pair, by seed
    mean_difference, sd, interval   of them; the interval is Student's at LEVEL
    tested_level, tested_interval   the level at which it was decided, after looks and Holm; Student's interval there
    correlation       of the pairs; None where it is not defined
    welch_interval    at LEVEL, for the two settings unpaired
    p                 Student's two-sided p of the pairs at hand
    adjusted_p        what decides: times the number of looks the smallest so far, and Holm over the settings
    sign_flip_p       exact; None below six pairs, which cannot reach 0.05
    verdict           one of the four
    more_seeds        (at least, at most) so many more would tell; `at most` is None where there is no bound. None where
                      the verdict has fallen
    time_interval     Student's, at LEVEL, of the paired difference of restricted times; None where there are none
    exploded_p        Boschloo's exact p for the numbers of explosions; None where none exploded
    warnings          sentences about this comparison
    """

    setting: str
    n: int
    differences: dict[Seed, float]
    mean_difference: float | None
    sd: float | None
    interval: Interval | None
    tested_level: float
    tested_interval: Interval | None
    correlation: float | None
    welch_interval: Interval | None
    p: float | None
    adjusted_p: float | None
    sign_flip_p: float | None
    verdict: str
    more_seeds: tuple[int, int | None] | None
    time_interval: Interval | None
    exploded_p: float | None
    warnings: tuple[str, ...]


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
    """

    measure: str
    better: str
    baseline: str
    looks: tuple[int, ...]
    smallest_difference: float | None
    target: str
    summaries: list[Summary]
    comparisons: list[Comparison]
    bands: dict[str, dict[str, Band]]
    warnings: tuple[str, ...]
    exploded: str = ""
