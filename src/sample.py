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
from charloom.sampling import BEST, CHECKPOINT, characters, stream
from charloom.storage import write, write_json


def main() -> None:
    """Sample, and write one file for people and one for machines."""
    params = read_params()
    path = files("sample")
    vocabulary = read_prepared(path["prepared/text"]).vocabulary

    def sample(file: Path, kind: int, length: int) -> records.Sampled:
        model = read_model(file)
        if model.vocabulary != vocabulary:
            raise Damaged(f"{file}: its vocabulary is not that of {path['prepared/text']}; `dvc repro` makes it again")
        rng = stream(params.seed, kind, model.update)
        drawn = characters(model.theta, model.h, model.first, params.sample.temperature, rng)
        name = records.BEST if kind == BEST else f"{model.update:,} updates"
        return name, vocabulary.decode(islice(drawn, length)), model.update, model.smooth_loss

    checkpoints = sorted(path["models/checkpoints"].glob("*.npz"))
    rows = [sample(file, CHECKPOINT, params.sample.length) for file in checkpoints]
    rows.append(sample(path["models/best"], BEST, params.sample.best_length))
    table = records.SampleTable(data=rows)
    write_json(path["reports/sample_table"], table.model_dump())
    write(path["reports/samples"], samples_page(table))
    print(f"{len(rows) - 1} samples of {params.sample.length} characters, one of {params.sample.best_length}")


stage(main)
