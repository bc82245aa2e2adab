"""sample: write a sample with every checkpoint and with the best model, and measure their quality."""

from charloom.core.runtime.stage import run_stage
from charloom.core.base.storage import write_json
from charloom.core.config.pipeline import files
from charloom.core.runtime.inputs import Inputs
from charloom.core.text.corpus import read_prepared
from charloom.sampling.along_training import write_samples


def main(inputs: Inputs) -> None:
    """Write the table of samples, the marks of copied passages and unknown words, and the metrics; print a summary."""
    params, path = inputs.params, files("sample")
    text = read_prepared(path["prepared/text"])
    table, metrics, marks = write_samples(params, text, path["models/checkpoints"], path["models/best"])
    write_json(path["reports/sample_table"], table.model_dump())
    write_json(path["reports/sample_marks"], marks.model_dump())
    write_json(path["metrics/sample"], metrics.model_dump())
    *checkpoints, (_, best, _, _) = table.data
    print(f"{len(checkpoints)} samples of {params.sample.length} characters")
    print(f"sample of the best model, {len(best)} characters: {metrics.best}")


if __name__ == "__main__":
    run_stage(main)
