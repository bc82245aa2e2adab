"""The experiment's page: the list of its sections, and its introduction."""

from pathlib import PurePath

from charloom.core.network.order import CHUNKS, POSITIONS, READING
from charloom.core.network.recipe import NUMPY
from charloom.core.training.headline import BITS_OF_NUMPY
from charloom.pages.experiment import first_updates, loss, result, samples
from charloom.pages.experiment.experiment_files import Results
from charloom.pages.pictures import joined_pictures
from charloom.pages.sections import rendered

SECTIONS = (
    result.section, result.gradients, loss.section, first_updates.section, samples.section, samples.best_passage,
    loss.by_position,
)  # fmt: skip
LINKS = (("live.html", "Train it again, in this browser"), ("inside.html", "See inside the network"))  # same folder
ORDERS = {READING: "", CHUNKS: ", in chunks of random order", POSITIONS: ", from random places"}


def experiment_page(results: Results) -> tuple[str, dict[str, str]]:
    """Return the page as HTML, and the page's pictures by name, each as the content of an SVG file."""
    params, train = results.params, results.train
    batch = f"{params.batch:,} × " if params.batch > 1 else ""
    sections = [content for section in SECTIONS if (content := section(results))]
    title = f"What a character-level RNN learnt from {PurePath(params.prepare.text).name}"
    intro = (
        f"{params.m:,} hidden units, {train.updates:,} updates of {batch}{params.seq_length:,} characters "
        f"({results.epochs:,.1f} epochs{ORDERS[params.train.order]}), {type(params.recipe.optimizer).__name__}, "
        f"eta {params.eta:g}, sigma {params.sigma}, seed {params.seed}."
    )
    if params.backend == NUMPY:
        intro += f"\nTrained with the files in network/ as they are written: {BITS_OF_NUMPY}."
    page = rendered(title, intro, sections, links=LINKS, results=results)
    return page, {picture.name: joined_pictures([picture]) for section in sections for picture in section.pictures}
