"""The inputs of a running stage: a check that they have not changed since it read them, and a note of them."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from charloom.core.base.errors import CheckFailed, Unavailable
from charloom.core.base.sources import SOURCES, files_in
from charloom.core.base.storage import sealed, sha256, sha256_of_text, write, written
from charloom.core.config.params import Params
from charloom.core.config.pipeline import CHARLOOM_FOLDER, HERE, LOCK, OUTS, changed_inputs, names_of, params_of
from charloom.core.config.reading import read_params

NOTES = CHARLOOM_FOLDER / "used"  # a file for each stage


class Inputs:
    """The inputs of a stage of the working folder, as they were when this object was created.

    params  all params
    values  {dotted name: value} of the params that the stage declares, together with {path: SHA-256} of its input
            files and of all files in its input folders
    """

    def __init__(self, stage: str, sources: Mapping[str, str] | None = None) -> None:
        """Read the params and hash the files. Raises WrongInput if params.yaml or dvc.yaml is invalid.

        sources  {path: SHA-256} of the files in src, hashed before they were imported; None: hash the files now
        """
        self.stage, self.params, self.lock = stage, read_params(), b""
        self.values = values_of(stage, self.params, sources)
        with suppress(OSError):  # there is none before the first run
            self.lock = LOCK.read_bytes()

    def ensure_unchanged(self) -> None:
        """Raise CheckFailed if an input has changed since this object was created, WrongInput if params are invalid.

        DVC hashes inputs after a stage has ended. Without this check dvc.lock would record an edited input as used.
        """
        if edit := changed_inputs(self.values, values_of(self.stage, read_params())):
            raise CheckFailed(f"{self.stage}: inputs edited while it ran: {edit}; results discarded; start it again")

    def leave_note(self) -> None:
        """Write a note, a file in .charloom/used: `values`, SHA-256 of the written outputs, dvc.lock before the run.

        DVC hashes inputs and outputs shortly after the stage has ended, so dvc.lock may record a file that was edited
        in between. `track` compares dvc.lock with the note (results/lock_check.py). A stage without outputs leaves no
        note, and a note that cannot be written fails no stage.
        """
        declared = HERE.declared(self.stage)
        outputs = _among(written, [name for kind in OUTS for name in names_of(declared.get(kind, []))])
        if outputs:
            with suppress(Unavailable):
                write(NOTES / f"{self.stage}.json", sealed([self.values, outputs, self.lock.decode(errors="replace")]))


def values_of(stage: str, params: Params, sources: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Compute `Inputs.values` of the stage from the files on the disk.

    params: all params; sources: see Inputs.__init__
    """
    declared = HERE.declared(stage)
    names = names_of(declared.get("deps", []), params.prepare.text)
    others = [path for path in map(Path, names) if sources is None or path.parts[:1] != (SOURCES.name,)]
    text = Path(params.prepare.text)
    files = {str(f): (sha256_of_text if f == text else sha256)(f) for path in others for f in files_in(path)}
    return params_of(declared, params) | files | _among(sources or {}, names)


def _among(hashes: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return the items of `hashes`, {path: hash}, whose path is in `names` or below a folder in `names`."""
    paths = {str(Path(name)) for name in names}
    folders = tuple(f"{path}/" for path in paths)
    return {name: digest for name, digest in hashes.items() if name in paths or name.startswith(folders)}
