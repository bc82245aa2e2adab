"""Provenance of a training: what no result may contain, because it differs between trainings with equal results.

`train` writes a file for each training, .charloom/trainings/<digest>.json in the main repository. `track` reads it. A
run without this file, such as one from `dvc pull`, has no start, end and machine.
"""

import os
import platform
import time
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

from llvmlite.binding import get_host_cpu_name

from charloom.core.base.errors import CharloomError, Unavailable
from charloom.core.base.git import commit, or_unknown
from charloom.core.base.storage import read_json, write_json
from charloom.core.config.params import Params
from charloom.core.config.pipeline import CHARLOOM_FOLDER, root
from charloom.core.config.records import Schema


class Provenance(Schema):
    """The provenance of a training.

    id              a random name
    started, ended  seconds since 1970; `ended` is None while it runs, and if it was killed or failed
    results         the hash of the results; "" before the end
    machine         processor, system, and versions of Python and libraries, by name
    commit          see `commit`; `unknown: ` and the reason if Git fails
    dvc_experiment  the name of the DVC experiment; "" outside an experiment
    """

    id: str
    started: float
    ended: float | None = None
    results: str = ""
    machine: dict[str, str]
    commit: str
    dvc_experiment: str


def provenance_file(key: str, params: Params) -> Path:
    """Return the path of the provenance of the training with this training key and these params."""
    digest = sha256(f"{key} {params.model_dump_json()}".encode()).hexdigest()[:24]
    return root() / CHARLOOM_FOLDER / "trainings" / f"{digest}.json"


def begin(file: Path, *, resumed: bool) -> Provenance:
    """Write the start of a training to the file, and return it. A resumed training keeps its id and first start.

    A file that cannot be written fails no training.
    """
    training = Provenance(
        id=uuid4().hex, started=round(time.time(), 3), machine=machine(), commit=or_unknown(commit),
        dvc_experiment=os.environ.get("DVC_EXP_NAME", ""),
    )  # fmt: skip
    earlier = provenance_in(file)
    if resumed and earlier and earlier.ended is None:
        training = training.model_copy(update={"id": earlier.id, "started": earlier.started})
    with suppress(Unavailable):
        write_json(file, training.model_dump())
    return training


def machine() -> dict[str, str]:
    """Return, by name, the processor for which Numba compiles, the system, and the versions of Python and libraries."""
    return {
        "processor": os.environ.get("NUMBA_CPU_NAME") or get_host_cpu_name(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "numba": version("numba"),
    }


def end(file: Path, training: Provenance, results: str) -> None:
    """Write the end of the training to the file. A file that cannot be written fails no training."""
    with suppress(Unavailable):
        write_json(file, training.model_dump() | {"ended": round(time.time(), 3), "results": results})


def provenance_in(file: Path) -> Provenance | None:
    """Return the provenance in the file, or None if the file is missing or damaged."""
    try:
        return read_json(file, Provenance)
    except CharloomError:
        return None
