"""What a training writes: a sample from every checkpoint, and one from the best model."""

from itertools import islice
from pathlib import Path

from charloom.base.errors import Damaged
from charloom.model.model_file import read_model
from charloom.results.records import BEST_MODEL, SampleMetrics, SampleRow, SampleTable
from charloom.sampling.quality import quality_against
from charloom.sampling.writing import BEST, CHECKPOINT, Choice, characters, random_stream
from charloom.settings.params import Params
from charloom.text.corpus import Text


def write_samples(params: Params, text: Text, checkpoints: Path, best: Path) -> tuple[SampleTable, SampleMetrics]:
    """Return the samples of the models in the folder, oldest first, and of the best one; and what each is like.

    Raises Damaged, naming the file, where a model is damaged or has another vocabulary than the text.
    """
    vocabulary, quality = text.vocabulary, quality_against(text.vocabulary.decode(text.training))

    def sample(file: Path, kind: int, length: int) -> SampleRow:
        model = read_model(file)
        if model.vocabulary != vocabulary:
            raise Damaged(f"{file}: its vocabulary is not that of the prepared text; `dvc repro` makes it again")
        random = random_stream(params.seed, kind, model.update)
        drawn = characters(model.theta, model.h, model.first, Choice(params.sample.temperature), random)
        name = BEST_MODEL if kind == BEST else f"{model.update:,} updates"
        return name, vocabulary.decode(islice(drawn, length)), model.update, model.smooth_loss

    along = [sample(file, CHECKPOINT, params.sample.length) for file in sorted(checkpoints.glob("*.npz"))]
    last = sample(best, BEST, params.sample.best_length)
    metrics = SampleMetrics(
        checkpoints={update: quality(written) for _, written, update, _ in along}, best=quality(last[1])
    )
    return SampleTable(data=[*along, last]), metrics
