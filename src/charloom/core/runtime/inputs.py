"""The inputs of a running stage, and a check that they have not changed since it read them."""

from pathlib import Path
from typing import Any

from charloom.core.base.errors import CheckFailed
from charloom.core.base.storage import sha256, sha256_of_text
from charloom.core.runtime.opened import edited_since_opened, watch
from charloom.core.settings.params import PARAMS
from charloom.core.settings.pipeline import HERE, difference, files_in, names_of, params_of
from charloom.core.settings.reading import read_params
from groundwork.words import listed


class Inputs:
    """The inputs of a stage of the working folder, as they were when this object was created.

    values  the params that the stage declares, by dotted name, and the SHA-256 of each input file, by path; a
            folder counts with all its files
    """

    def __init__(self, stage: str) -> None:
        """Read the params and hash the files. Raises WrongInput as `declared` does."""
        watch([PARAMS])  # before reading it, so that an edit in between is detected
        self.stage, self.params = stage, read_params()
        watch(self._files())
        self.values = self._now()

    def ensure_unchanged(self) -> None:
        """Raise CheckFailed if an input has changed since this object was created, WrongInput if params are invalid.

        CheckFailed is raised also if the edit was undone, but this process opened the edited file. DVC hashes inputs
        after a stage has ended. Without this check dvc.lock would record an edited input as used.
        """
        self.params = read_params()
        edit = difference(self.values, self._now())
        if not edit and (names := edited_since_opened()):
            edit = f"edited or removed after charloom read the file: {listed(names)}"
        if edit:
            raise CheckFailed(f"{self.stage}: inputs edited while it ran: {edit}; results discarded; start it again")

    def _files(self) -> list[Path]:
        says = HERE.declared(self.stage)
        return [file for name in names_of(says["deps"], self.params.prepare.text) for file in files_in(Path(name))]

    def _now(self) -> dict[str, Any]:
        text = Path(self.params.prepare.text)
        files = {str(path): (sha256_of_text if path == text else sha256)(path) for path in self._files()}
        return params_of(HERE.declared(self.stage), self.params) | files
