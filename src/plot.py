"""plot: the experiment as a page, and its pictures as files beside it."""

import signal

if __name__ == "__main__":  # a signal during the imports below ends it without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import shutil

from charloom.base.storage import write
from charloom.pages.experiment.experiment_files import read_results
from charloom.pages.experiment.experiment_page import experiment_page
from charloom.settings.entry import run_stage
from charloom.settings.params import read_params
from charloom.settings.pipeline import files


def main() -> None:
    """Show what the stages before have written."""
    path = files("plot")
    page, pictures = experiment_page(read_results(read_params(), path))
    shutil.rmtree(path["reports/figures"], ignore_errors=True)  # pictures of another run have no place there
    for name, picture in pictures.items():
        write(path["reports/figures"] / f"{name}.svg", picture)
    write(path["reports/report"], page)
    print(f"made {path['reports/report']} and {len(pictures)} pictures in {path['reports/figures']}")


if __name__ == "__main__":
    run_stage(main)
