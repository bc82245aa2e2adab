"""The outcome of a training, and its headline: two lines with its results, and a warning if it went wrong."""

import sys

from charloom.core.config.records import TextMetrics, TrainMetrics
from charloom.core.network.logarithm import LN2, log
from charloom.core.network.recipe import NUMPY, Recipe

TRAINED, WORSE, DIVERGED = "trained", "worse than uniform", "diverged"
MARGIN = 1e-6  # relative, for rounding: a model that guesses uniformly costs log₂ K and has not exploded
SATURATED = 0.95  # share of saturated hidden units above which hardly anything is learnt: their derivative vanishes

BITS_OF_NUMPY = "the same bits on this machine and with these versions of Python's libraries only"


def outcome_of(metrics: TrainMetrics, K: int, seq_length: int) -> str:
    """Return WORSE if a uniform guess among K characters is better than the last model, else TRAINED.

    The costs of the held-out text are compared. If no text is held out, the smooth loss is compared with the loss of a
    uniform guess for `seq_length` characters.
    """
    bits = metrics.held_out_bits_per_character
    cost, uniform = (metrics.smooth_loss, seq_length * log(K)) if bits is None else (bits, log(K) / LN2)
    return WORSE if cost > (1 + MARGIN) * uniform else TRAINED


def headline(train: TrainMetrics, text: TextMetrics) -> str:
    """Return two lines: the smooth losses in nats per sequence, and the held-out cost in bits per character.

    The second line also has the costs with a uniform guess and of a trigram model, for comparison. If no text is held
    out, the second line is `no text held out`.
    """
    losses = f"smooth loss {train.smooth_loss:.3f}, lowest {train.best_smooth_loss:.3f} after {train.best_update:,}"
    bits, counted = train.held_out_bits_per_character, text.bits_per_character
    whole = text.characters_counted == text.training_characters
    part = "" if whole else f" of the first {text.characters_counted:,} characters"
    levels = f"uniform {counted.uniform:.3f}; in-sample trigram {counted.trigram:.2f}{part}"
    held_out = "no text held out" if bits is None else f"held-out {bits:.3f} bits per character ({levels})"
    return f"{losses} of {train.updates:,} updates\n{held_out}"


def print_headline(train: TrainMetrics, text: TextMetrics, recipe: Recipe, saturated: float) -> None:
    """Print the headline. If the training went wrong, write a warning to stderr that names a param that may help.

    saturated  the share of saturated hidden units, in [0, 1], at the last update whose statistics are recorded

    A training went wrong if its loss is higher than that of a uniform guess, or if `saturated` is above SATURATED.
    """
    print(headline(train, text))
    if recipe.backend == NUMPY:
        print(f"backend numpy: {BITS_OF_NUMPY}")
    exploded = outcome_of(train, text.K, recipe.seq_length) == WORSE
    wrong = ["the loss is higher than that of a uniform guess"] if exploded else []
    wrong += [f"{saturated:.0%} of the hidden units are saturated"] if saturated > SATURATED else []
    if wrong:
        advice = f", or {recipe.optimizer.advice()}," if hasattr(recipe.optimizer, "advice") else ""
        sys.stderr.write(f"warning: {' and '.join(wrong)}: a smaller eta{advice} may help\n")
