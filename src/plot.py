"""plot: write report.html with pictures, live.html (trains in a browser), inside.html (explains the gradient check)."""

from charloom.core.runtime.stage import run_stage
from charloom.core.base.storage import write
from charloom.core.config.pipeline import files
from charloom.core.runtime.inputs import Inputs
from charloom.pages.experiment.experiment_files import read_results
from charloom.pages.experiment.experiment_page import experiment_page
from charloom.pages.live.inside_page import inside_page
from charloom.pages.live.live_page import live_page


def main(inputs: Inputs) -> None:
    """Write pages and pictures from the results of earlier stages; remove pictures that are not needed."""
    path = files("plot")
    results = read_results(inputs.params, path)
    page, pictures = experiment_page(results)
    folder = path["reports/figures"]
    drawn = {folder / f"{name}.svg": picture for name, picture in pictures.items()}
    for file, picture in drawn.items():
        write(file, picture)
    for stale in {*folder.iterdir()} - drawn.keys():  # pictures that the page no longer contains
        stale.unlink()
    write(path["reports/report"], page)
    write(path["reports/live"], live_page(results, path["models/checkpoints"]))
    write(path["reports/inside"], inside_page(results))
    pages = ", ".join(str(path[f"reports/{name}"]) for name in ("report", "live", "inside"))
    print(f"wrote {pages} and {len(pictures)} pictures in {folder}")


if __name__ == "__main__":
    run_stage(main)
