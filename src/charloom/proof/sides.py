"""The two sides of a pull request: what a commit says of its params, its text and its measure of record."""

import io
import subprocess
import tarfile
from contextlib import chdir, suppress
from pathlib import Path
from typing import NamedTuple

from charloom.base.errors import CharloomError, WrongInput
from charloom.base.storage import read_json
from charloom.results.records import TextMetrics, TrainMetrics
from charloom.settings.params import PARAMS, Params, read_params
from charloom.settings.pipeline import PIPELINE, files
from dvc_summary.facts import names_in

KEPT = (str(PIPELINE), str(PARAMS), "signature.json", "metrics/", "studies/")


class Side(NamedTuple):
    """A commit.

    folder   holds those of its files that are KEPT
    params   None where they are not params as this charloom knows them
    bits     what held-out text costs, the measure of record; None where the commit does not say
    text     SHA-256 of the text; empty where the commit does not say
    """

    folder: Path
    params: Params | None
    bits: float | None
    text: str


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
    found = Side(folder, None, None, "")
    with (
        chdir(folder),
        suppress(CharloomError, LookupError),
    ):  # a commit of another version is not read, and does not compare
        path = files("track")
        found = found._replace(params=read_params())
        found = found._replace(text=read_json(path["metrics/prepare"], TextMetrics).sha256)
        found = found._replace(bits=read_json(path["metrics/train"], TrainMetrics).held_out_bits_per_character)
    return found
