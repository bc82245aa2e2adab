"""Whether this start can continue an earlier one with the same DATA, or the server of a backup.

MLflow itself would answer 404 for every artifact that is somewhere else, and migrate the tables of an older version
without asking.
"""

import subprocess
import sys
from importlib import metadata

from errors import Refused
from packaging.version import Version
from settings import AUTH, GIVEN, SOURCE, artifacts, earlier, earlier_artifacts

LIST = """import sys; from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
get_artifact_repository(sys.argv[1]).list_artifacts()"""


def ensure_continuing() -> None:
    """Raise Refused if ARTIFACTS is another place than before, or cannot be read, or if MLflow has another version.

    A newer version is allowed with UPGRADE=1, and to restore a backup.
    """
    file, place, own = (SOURCE or AUTH.parent) / AUTH.name, artifacts(), Version(metadata.version("mlflow"))
    known = Version(earlier().get("charloom_mlflow") or str(own))
    if earlier_artifacts() not in {"", place}:
        hint = f"if you have moved them, write charloom_artifacts = {place} into {file}"
        raise Refused(f"ARTIFACTS={place}: the artifacts are in {earlier_artifacts()}; {hint}")
    if known > own:
        hint = "`make server DATA=NEW RESTORE=FOLDER` starts with a backup that is older"
        raise Refused(f"{file.parent}: MLflow {known} has used this database, which MLflow {own} cannot read; {hint}")
    if known < own and not SOURCE and GIVEN.get("UPGRADE") != "1":
        hint = "make a backup with the older version, then start once with UPGRADE=1, which saves the database first"
        raise Refused(f"{file.parent}: MLflow {own} would change the database of MLflow {known}; {hint}")
    if "://" in place:
        command = [sys.executable, "-c", LIST, place]  # a process of its own, because MLflow's import takes memory
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            reason = done.stderr.strip().rpartition("\n")[2].split(": ", 1)[-1]  # without the exception's name
            raise Refused(f"ARTIFACTS={place}: {reason}")
