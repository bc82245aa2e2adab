"""The two lines about a training say what came out, and warn of what went wrong."""

import pytest
from recipes import recipe

from charloom.core.config.records import Levels, TextMetrics, TrainMetrics
from charloom.core.training.headline import headline, print_headline

LEVELS = Levels(uniform=6.375039, unigram=4.4, bigram=3.5, trigram=2.879568)
TEXT = TextMetrics(
    characters=9, training_characters=8, held_out_characters=1, K=83, sha256="", characters_that_occur_once=0,
    characters_counted=8,
    nats_per_sequence=LEVELS, bits_per_character=LEVELS,
)  # fmt: skip


def trained(bits: float | None) -> TrainMetrics:
    return TrainMetrics(
        held_out_bits_per_character=bits, best_held_out_bits_per_character=bits, held_out_characters_read=9,
        lowest_held_out_part_bits_per_character=None, lowest_held_out_part_update=None, smooth_loss=48.7286,
        best_smooth_loss=47.3697, best_update=98937, first_update_below_target=None, updates=100000,
        updates_per_epoch=9,
    )  # fmt: skip


def test_the_measure_stands_beside_the_losses_and_what_counting_reaches():
    assert headline(trained(2.80972), TEXT) == (
        "smooth loss 48.729, lowest 47.370 after 98,937 of 100,000 updates\n"
        "held-out 2.810 bits per character (uniform 6.375; in-sample trigram 2.88)"
    )
    assert headline(trained(None), TEXT).endswith("\nno text held out")
    part = TEXT.model_copy(update={"training_characters": 8_000_000, "characters_counted": 5_000_000})
    assert headline(trained(2.8), part).endswith("in-sample trigram 2.88 of the first 5,000,000 characters)")


@pytest.mark.parametrize(
    ("bits", "saturated", "wrong"),
    [(6.37, 0.95, ""), (None, 0.1, ""), (6.38, 0.1, "the loss is higher than that of a uniform guess"),
     (2.8, 0.96, "96% of the hidden units are saturated"),
     (11.5, 0.99, "the loss is higher than that of a uniform guess and 99% of the hidden units are saturated")],
)  # fmt: skip
def test_a_failed_training_gets_one_line_with_advice(bits, saturated, wrong, capsys):
    print_headline(trained(bits), TEXT, recipe(seq_length=25), saturated)
    printed, warned = capsys.readouterr()
    assert printed == f"{headline(trained(bits), TEXT)}\n"
    helps = ": a smaller eta, or train.initial_accumulator_value: 10, may help\n"
    assert warned == (f"warning: {wrong}{helps}" if wrong else "")
