"""plot: the experiment as a page, the curve as a picture, the gradient check as a table."""

import signal

if __name__ == "__main__":  # a signal during the imports below ends it without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from charloom.base.storage import write
from charloom.pages.experiment.page import experiment_page
from charloom.pages.experiment.results import read_results
from charloom.pages.figures import png, published_curve, training_figure
from charloom.pages.gradient_table import gradient_table
from charloom.settings.entry import run_stage
from charloom.settings.params import read_params
from charloom.settings.pipeline import files


def main() -> None:
    """Show what the stages before have written."""
    path = files("plot")
    results = read_results(read_params(), path)
    published = results.published
    picture = training_figure(
        results.smooth_loss,
        results.held_out,
        results.train,
        results.text,
        published_curve(published, results.text, results.params.seq_length),
        published.novel,
    )
    write(path["reports/smooth_loss"], png(picture))
    write(path["reports/gradient_check"], gradient_table(results.gradcheck, published.gradient_check))
    write(path["reports/report"], experiment_page(results))
    made = ("report", "smooth_loss", "gradient_check")
    print("made " + ", ".join(str(path[f"reports/{name}"]) for name in made))


if __name__ == "__main__":
    run_stage(main)
