"""plot: the curve as a picture, the samples as a page, the gradient check as a table beside the published one."""

import signal

if __name__ == "__main__":  # a signal during the imports below ends it without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from charloom.base.storage import read_json, read_table, write
from charloom.pages.figures import png, published_curve, training_figure
from charloom.pages.gradient_table import gradient_table, read_published
from charloom.pages.samples_page import samples_page
from charloom.results.records import (
    MEASURE_OF_PART,
    GradcheckErrors,
    SampleMetrics,
    SampleTable,
    TextMetrics,
    TrainMetrics,
)
from charloom.settings.entry import run_stage
from charloom.settings.params import read_params
from charloom.settings.pipeline import files


def main() -> None:
    """Show what the stages before have written."""
    path = files("plot")
    text, train = read_json(path["metrics/prepare"], TextMetrics), read_json(path["metrics/train"], TrainMetrics)
    published = read_published(path["data/dd2424_report"])
    picture = training_figure(
        read_table(path["plots/smooth_loss"], "smooth_loss")["smooth_loss"],
        read_table(path["plots/held_out"], MEASURE_OF_PART, may_be_empty=True)[MEASURE_OF_PART],
        train,
        text,
        published_curve(published, text, read_params().seq_length),
        published.novel,
    )
    write(path["reports/smooth_loss"], png(picture))
    table = gradient_table(read_json(path["reports/gradcheck"], GradcheckErrors), published.gradient_check)
    write(path["reports/gradient_check"], table)
    samples = read_json(path["reports/sample_table"], SampleTable), read_json(path["metrics/sample"], SampleMetrics)
    write(path["reports/samples"], samples_page(*samples))
    print("made " + ", ".join(str(path[f"reports/{name}"]) for name in ("smooth_loss", "samples", "gradient_check")))


if __name__ == "__main__":
    run_stage(main)
