"""sample: what the network writes, from every checkpoint and from the best model."""

from itertools import islice
from pathlib import Path

import charloom.environment  # noqa: F401  first: a foreign Python is refused in a line

from charloom import records
from charloom.checkpoint import read_model
from charloom.corpus import read_prepared
from charloom.errors import Damaged
from charloom.pages import samples_page
from charloom.params import read_params
from charloom.pipeline import files, stage
from charloom.quality import measure
from charloom.sampling import BEST, CHECKPOINT, Choice, characters, stream
from charloom.storage import write, write_json


def main() -> None:
    """Sample and measure; write one file for people and two for machines."""
    params = read_params()
    path = files("sample")
    prepared = read_prepared(path["prepared/text"])
    vocabulary, quality = prepared.vocabulary, measure(prepared.vocabulary.decode(prepared.training))

    def sample(file: Path, kind: int, length: int) -> records.Sampled:
        model = read_model(file)
        if model.vocabulary != vocabulary:
            raise Damaged(f"{file}: its vocabulary is not that of {path['prepared/text']}; `dvc repro` makes it again")
        random = stream(params.seed, kind, model.update)
        drawn = characters(model.theta, model.h, model.first, Choice(params.sample.temperature), random)
        name = records.BEST if kind == BEST else f"{model.update:,} updates"
        return name, vocabulary.decode(islice(drawn, length)), model.update, model.smooth_loss

    checkpoints = sorted(path["models/checkpoints"].glob("*.npz"))
    rows = [sample(file, CHECKPOINT, params.sample.length) for file in checkpoints]
    rows.append(sample(path["models/best"], BEST, params.sample.best_length))
    table = records.SampleTable(data=rows)
    write_json(path["reports/sample_table"], table.model_dump())
    *along, (_, best, _, _) = rows
    measured = records.Sample(checkpoints={update: quality(text) for _, text, update, _ in along}, best=quality(best))
    write(path["reports/samples"], samples_page(table, measured))
    write_json(path["metrics/sample"], measured.model_dump())
    print(f"{len(along)} samples of {params.sample.length} characters and one of {len(best)}: {measured.best}")


stage(main)
