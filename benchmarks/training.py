"""Train on the novel without the pipeline: the results have the same bits, and no file is written."""

from collections.abc import Iterator
from pathlib import Path

from charloom.core.config.reading import read_params
from charloom.core.network.state import UpdateResults
from charloom.core.text.corpus import Text, read_text, split
from charloom.core.text.vocabulary import Vocabulary
from charloom.core.training.loop import train
from charloom.core.training.protocol import Training

ROOT = Path(__file__).resolve().parent.parent
NOVEL = ROOT / "data/moby_dick.txt"
PARAMS = read_params(ROOT / "params.yaml")
CHARACTERS = "".join(read_text(NOVEL))
VOCABULARY = Vocabulary("".join(sorted(set(CHARACTERS))))
IDS, (END, _) = VOCABULARY.encode(CHARACTERS), split(len(CHARACTERS), PARAMS.prepare.held_out)
TEXT = Text(VOCABULARY, IDS[:END], IDS[END:])


def training(eta: float, seed: int, initial_accumulator_value: float) -> Training:
    """Return a training on the novel with these params; the other params are those of params.yaml."""
    section = PARAMS.train.model_copy(update={"initial_accumulator_value": initial_accumulator_value})
    params = PARAMS.model_copy(update={"eta": eta, "seed": seed, "train": section})
    return Training(params, TEXT, Path(), {})


def train_rows(eta: float, seed: int, initial_accumulator_value: float, every: int) -> Iterator[UpdateResults]:
    """Train; yield the rows of each block of `every` updates, and at last the row of the last model."""
    run = training(eta, seed, initial_accumulator_value)
    yield from train(run.initial(), TEXT.training, run.params.train.updates, (every,), run.params.recipe)
