"""A passage of the model at the lowest smooth loss, with where in the training and in the text it comes from."""

from charloom.pages.experiment.marked import pieces
from charloom.pages.experiment.results import Results
from charloom.pages.page import Section

LONGEST = 5000  # characters that are shown


def section(results: Results) -> Section:
    """Return the section."""
    train, (_, text, update, loss) = results.train, results.samples.data[-1]
    it = {
        "updates": update,
        "loss": loss,
        "held_out": (train.best_held_out_bits_per_character, train.held_out_bits_per_character),
        "epoch": update // train.updates_per_epoch + 1,
        "character": update % train.updates_per_epoch * results.params.seq_length,
        "characters": results.text.training_characters,
        "pieces": pieces(text, results.marks.data[-1], LONGEST),
        "length": len(text),
        "longest": LONGEST,
        "quality": results.quality.best,
        "published": results.published,
    }
    return Section("best-passage", "What it writes at the lowest loss", it)
