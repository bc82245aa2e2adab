"""The two sides of a pull request: their files, and what each says of its run."""

import io
import subprocess
import tarfile
from pathlib import Path
from typing import NamedTuple

from charloom.base.errors import WrongInput
from charloom.results.commits import from_commits
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
    """Return the side of a commit, with its files written into the folder. Raises WrongInput where Git cannot."""
    folder.mkdir()
    if there := [path for path in names_in(commit) if path.startswith(KEPT)]:
        packed = subprocess.run(["git", "archive", commit, "--", *there], capture_output=True, check=False)
        try:
            with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
                archive.extractall(folder, filter="data")
        except tarfile.TarError as error:  # Git has failed, or a link leads out of the folder
            raise WrongInput(f"git archive {commit[:10]}: {packed.stderr.decode(errors='replace') or error}") from None
    run = next(from_commits([commit])).run
    return Side(folder, run if isinstance(run, Run) else None)
