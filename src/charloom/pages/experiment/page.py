"""The experiment's page, section by section."""

from pathlib import PurePath

from charloom.pages.experiment import best_passage, first_updates, gradients, inside, loss, position, samples, verdict
from charloom.pages.experiment.results import Results
from charloom.pages.page import rendered

SECTIONS = (verdict, gradients, loss, first_updates, samples, best_passage, inside, position)


def experiment_page(results: Results) -> str:
    """Return the page in one HTML file."""
    params, train = results.params, results.train
    epochs = train.updates / train.updates_per_epoch
    return rendered(
        f"What a character-level RNN learnt from {PurePath(params.prepare.text).name}",
        f"{params.m:,} hidden units, {train.updates:,} updates of {params.seq_length:,} characters "
        f"({epochs:,.1f} epochs), eta {params.eta:g}, seed {params.seed}.",
        [module.section(results) for module in SECTIONS],
    )
