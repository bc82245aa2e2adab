"""What is measured, in words, by the names that tables and curves have."""

from charloom.results.records import MEASURE_OF_PART

ABOUT = {
    "held_out_bits_per_character": "what held-out text costs the last model, in bits per character",
    "best_held_out_bits_per_character": "what held-out text costs the model of the lowest smooth loss, in bits per "
    "character",
    "lowest_held_out_part_bits_per_character": "the least that a part of the held-out text cost along training, in "
    "bits per character",
    MEASURE_OF_PART: "what a part of the held-out text costs, in bits per character",
    "smooth_loss": "the smoothed loss on training text, in nats per sequence",
    "best_smooth_loss": "the lowest smoothed loss on training text, in nats per sequence",
}
