"""The two sides of a pull request: their files, and what each says of its run."""

from pathlib import Path
from typing import NamedTuple

from charloom.results.commits import from_commits
from charloom.results.git import objects
from charloom.results.records import MEASURE
from charloom.results.run import Run
from charloom.settings.params import PARAMS
from charloom.settings.pipeline import PIPELINE
from dvc_summary.facts import names_in

KEPT = (str(PIPELINE), str(PARAMS), "signature.json", "metrics/", "studies/")


class Side(NamedTuple):
    """A commit.

    folder   holds those of its files that are KEPT
    run      what it says of its run; None where it is none that this charloom knows
    """

    folder: Path
    run: Run | None

    @property
    def has_measure(self) -> bool:
        """Return whether it says what held-out text costs."""
        return self.run is not None and getattr(self.run.metrics, MEASURE) is not None


def side(commit: str, folder: Path) -> Side:
    """Return the side of a commit, with its files written into the folder. Of a link it has the text."""
    folder.mkdir()
    # A name that leads out of the folder, or that is no line, is none of ours.
    there = [path for path in names_in(commit) if path.startswith(KEPT) and ".." not in path and path.isprintable()]
    for path, (_, content) in zip(there, objects(f"{commit}:./{path}" for path in there), strict=True):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return Side(folder, next(from_commits([commit])).run)
