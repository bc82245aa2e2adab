"""sample: what the network writes, from every checkpoint and from the best model."""

from itertools import islice

import charloom.environment  # noqa: F401  first: a foreign Python is refused in a line

from charloom.checkpoint import Model, read_model
from charloom.params import read_params
from charloom.pipeline import files, run, write, write_json
from charloom.sampling import BEST, CHECKPOINT, characters, stream


def main() -> None:
    """Sample, and write one file for people and one for machines."""
    params = read_params()
    path = files("sample")

    def sample(model: Model, kind: int, length: int) -> list[str | int | float]:
        rng = stream(params.seed, kind, model.update)
        drawn = characters(model.theta, model.h, model.first, params.sample.temperature, rng)
        name = "best" if kind == BEST else "checkpoint"
        return [name, model.update, model.smooth_loss, model.vocabulary.decode(islice(drawn, length))]

    rows = [
        sample(read_model(file), CHECKPOINT, params.sample.length)
        for file in sorted(path["models/checkpoints"].glob("*.npz"))
    ]
    rows.append(sample(read_model(path["models/best"]), BEST, params.sample.best_length))
    # The layout of an MLflow table, so that its page can lay runs side by side.
    write_json(path["reports/sample_table"], {"columns": ["model", "update", "smooth_loss", "text"], "data": rows})
    write(
        path["reports/samples"],
        "\n\n".join(
            f"{name}: update {update:,}, smooth loss {loss:.3f}\n{'-' * 72}\n{text}\n"
            for name, update, loss, text in rows
        ),
    )
    print(f"{len(rows) - 1} samples of {params.sample.length} characters, one of {params.sample.best_length}")


run(main)
