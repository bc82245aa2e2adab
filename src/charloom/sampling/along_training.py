"""What a training writes: a sample from every checkpoint, and one from the best model."""

from itertools import islice
from pathlib import Path

from charloom.base.errors import Damaged
from charloom.base.progress import progress
from charloom.model.model_file import read_model
from charloom.results.records import BEST_MODEL, AllMarks, SampleMetrics, SampleRow, SampleTable
from charloom.sampling.quality import qualities
from charloom.sampling.writing import BEST, BLOCK, CHECKPOINT, Choice, characters, random_stream
from charloom.settings.memory import check_samples
from charloom.settings.params import Params
from charloom.text.corpus import Text


def write_samples(
    params: Params, text: Text, checkpoints: Path, best: Path
) -> tuple[SampleTable, SampleMetrics, AllMarks]:
    """Return the samples of the models in the folder, oldest first, and of the best one; what each is like, and where.

    Raises Unavailable where they would not fit into memory, Damaged, naming the file, where a model is damaged or has
    another vocabulary than the text.
    """
    vocabulary, files = text.vocabulary, sorted(checkpoints.glob("*.npz"))
    length, best_length = params.sample.length, params.sample.best_length
    check_samples(len(files), params.sample, len(vocabulary))
    wanted = [*((file, CHECKPOINT, length) for file in files), (best, BEST, best_length)]
    rows: list[SampleRow] = []
    with progress("sample", len(files) * length + best_length) as report:
        done = 0
        for file, kind, count in wanted:
            model = read_model(file)
            if model.vocabulary != vocabulary:
                raise Damaged(f"{file}: its vocabulary is not that of the prepared text; `dvc repro` makes it again")
            random = random_stream(params.seed, kind, model.update)
            drawn = characters(model.theta, model.h, model.first, Choice(params.sample.temperature), random)
            written = ""
            while len(written) < count:
                more = min(BLOCK, count - len(written))
                written += vocabulary.decode(islice(drawn, more))
                done += more
                report(done, "")
            name = BEST_MODEL if kind == BEST else f"{model.update:,} updates"
            rows.append((name, written, model.update, model.smooth_loss))
    found = qualities([written for _, written, _, _ in rows], text)
    *along, of_best = [quality for quality, _ in found]
    by_update = {update: quality for (_, _, update, _), quality in zip(rows[:-1], along, strict=True)}
    marks = AllMarks(data=[each for _, each in found])
    return SampleTable(data=rows), SampleMetrics(checkpoints=by_update, best=of_best), marks
