"""train: train as the course report does, and write the trace, the checkpoints, the last and the best model."""

from charloom.core.runtime.stage import run_stage
from charloom.core.base.errors import CheckFailed
from charloom.core.base.storage import exclusive, read_json
from charloom.core.config.pipeline import CHARLOOM_FOLDER, files, root
from charloom.core.config.records import GradcheckMetrics, TextMetrics
from charloom.core.runtime.inputs import Inputs
from charloom.core.runtime.memory import check_training
from charloom.core.runtime.provenance import begin, end, provenance_file
from charloom.core.text.corpus import read_prepared
from charloom.core.training import resume
from charloom.core.training.headline import print_headline
from charloom.core.training.protocol import Training, run_training, write_results


def main(inputs: Inputs) -> None:
    """Check the inputs and the memory, lock the training, train, write the results, and remove the resume state.

    Raises CheckFailed if the gradient check has not passed, or if an input was edited during the training. Raises
    Unavailable if the memory is too small, or if another process runs this training.
    """
    params, path = inputs.params, files("train")
    if not read_json(path["metrics/gradcheck"], GradcheckMetrics).passed:
        raise CheckFailed(
            f"{path['metrics/gradcheck']}: the gradient check has failed; `dvc repro` repeats it and says what is wrong"
        )
    text = read_prepared(path["prepared/text"])
    text.check(path["prepared/text"], params.seq_length, params.batch)
    check_training(params, len(text.vocabulary), len(text))
    settings = resume.train_inputs(inputs.values, params.recipe.kind)
    training = Training(params, text, root() / CHARLOOM_FOLDER / "train" / resume.key(settings), settings)
    about = read_json(path["metrics/prepare"], TextMetrics)
    with exclusive(training.save_to.with_suffix(".lock"), "this training"):
        file = provenance_file(training.save_to.name, params)
        provenance = begin(file, resumed=training.save_to.is_dir())
        trained = run_training(training, path["models/checkpoints"])
        metrics, results = write_results(training, trained, path)
        inputs.ensure_unchanged()  # before the resume state is removed
        end(file, provenance, results)
        resume.forget(training.save_to)  # a forced run trains again
    print_headline(metrics, about, params.recipe, float(trained.trace.statistics[-1, -1]))


if __name__ == "__main__":
    run_stage(main)
