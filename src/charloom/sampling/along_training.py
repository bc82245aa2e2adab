"""The samples of a training: one from every checkpoint, and one from the best model."""

from itertools import islice
from pathlib import Path

from charloom.core.base.errors import Damaged
from charloom.core.base.progress import progress
from charloom.core.config.params import Params
from charloom.core.config.records import BEST_MODEL, AllMarks, SampleMetrics, SampleRow, SampleTable
from charloom.core.model.model_file import read_model
from charloom.core.network.state import BLOCK
from charloom.core.runtime.memory import check_samples
from charloom.core.text.corpus import Text
from charloom.sampling.quality import qualities
from charloom.sampling.writing import BEST, CHECKPOINT, Choice, characters, random_stream


def write_samples(
    params: Params, text: Text, checkpoints: Path, best: Path
) -> tuple[SampleTable, SampleMetrics, AllMarks]:
    """Write samples with the models; return the samples, their quality, and their copied passages and unknown words.

    checkpoints  folder of the checkpoints' models; their samples come first, oldest first
    best         file of the best model

    No file is written. Raises Unavailable if the samples would not fit into memory, and WrongInput or Damaged, with the
    path, if a model cannot be read or its vocabulary is not the text's.
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
                raise Damaged(f"{file}: the vocabulary differs from the prepared text's; run `dvc repro` to train")
            random = random_stream(params.seed, kind, model.update)
            drawn = characters(model, Choice(params.sample.temperature), random)
            sample = ""
            while len(sample) < count:
                length = min(BLOCK, count - len(sample))
                sample += vocabulary.decode(list(islice(drawn, length)))
                done += length
                report(done, "")
            name = BEST_MODEL if kind == BEST else f"{model.update:,} updates"
            rows.append((name, sample, model.update, model.smooth_loss))
    measured = qualities([sample for _, sample, _, _ in rows], text)
    *of_checkpoints, of_best = [quality for quality, _ in measured]
    by_update = {update: quality for (_, _, update, _), quality in zip(rows[:-1], of_checkpoints, strict=True)}
    marks = AllMarks(data=[marks for _, marks in measured])
    return SampleTable(data=rows), SampleMetrics(checkpoints=by_update, best=of_best), marks
