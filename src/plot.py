"""plot: the experiment as a page, its pictures as files beside it, and a page that trains it again in a browser."""

from charloom.base.storage import write
from charloom.pages.experiment.experiment_files import read_results
from charloom.pages.experiment.experiment_page import experiment_page
from charloom.pages.live.live_page import live_page
from charloom.settings.entry import run_stage
from charloom.settings.params import read_params
from charloom.settings.pipeline import files


def main() -> None:
    """Show what the stages before have written."""
    path = files("plot")
    results = read_results(read_params(), path)
    page, pictures = experiment_page(results)
    folder = path["reports/figures"]
    drawn = {folder / f"{name}.svg": picture for name, picture in pictures.items()}
    for file, picture in drawn.items():
        write(file, picture)
    for left in {*folder.iterdir()} - drawn.keys():  # a picture that this page has not
        left.unlink()
    write(path["reports/report"], page)
    write(path["reports/live"], live_page(results, path["models/checkpoints"]))
    print(f"made {path['reports/report']}, {path['reports/live']} and {len(pictures)} pictures in {folder}")


if __name__ == "__main__":
    run_stage(main)
