"""Copy a running server's data into a folder, and restore the copy into a new data folder."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import database
from errors import Refused
from settings import AUTH, DATA, GIVEN, OWN, POSTGRES, artifacts, auth_of_started_server

FOLDER = "artifacts"  # name in a backup


def backup() -> None:
    """Copy the database, the artifacts and the settings into the new folder TO, while the server runs.

    The default of TO is a folder beside DATA, with the time in its name. Artifacts that are not in a local folder, as
    in S3, are not copied. Raises Refused if PostgreSQL does not run or TO is not allowed.

    The dump comes first: the artifacts that it names exist already, so the copy contains them.
    """
    place = auth_of_started_server()["charloom_artifacts"] or OWN
    if not database.running(POSTGRES):
        raise Refused(f"DATA={DATA}: PostgreSQL does not run; `make server` starts it", 5)
    target = Path(
        GIVEN.get("TO") or DATA.with_name(f"{DATA.name}-backup-{datetime.now(UTC):%Y-%m-%d-%H%M%S}")
    ).resolve()
    if target.exists() or any(target.is_relative_to(Path(folder).resolve()) for folder in (DATA, place)):
        raise Refused(f"TO={target} is not allowed; allowed is a new folder outside {DATA} and {place}")
    os.umask(0o077)
    new = target.with_name(f".{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    database.dump(POSTGRES, new / database.DUMP)
    shutil.copy(AUTH, new)
    (new / ".gitignore").write_text("*\n")  # TO may be in a clone, and auth.ini has the owner's password
    if Path(place).is_dir():  # a server without a run has no folder
        shutil.copytree(place, new / FOLDER)
    new.rename(target)
    missing = f"; the artifacts are not in it, but stay in {place}" if "://" in place else ""
    print(f"created {target}{missing}; `make server DATA=NEW RESTORE={target}` starts a server with it")


def ensure_restorable(source: Path, lock: Path) -> None:
    """Raise Refused if `source` is no backup, DATA is in use by a server, or ARTIFACTS is no folder for the artifacts.

    lock  the file of DATA's lock: a killed restore leaves it, and no auth.ini
    """
    if not all((source / name).is_file() for name in (database.DUMP, AUTH.name)):
        missing = f"{database.DUMP} or {AUTH.name} is missing"
        raise Refused(f"RESTORE={source}: {missing}; `make server-backup` makes a backup")
    if DATA.exists() and (AUTH.exists() or not lock.exists()):
        raise Refused(f"DATA={DATA}: exists already; RESTORE needs a new folder as DATA")
    if "://" in artifacts() and (source / FOLDER).is_dir():
        allowed = f"allowed is a local folder, for the backup has the artifacts in {source / FOLDER}"
        raise Refused(f"ARTIFACTS={artifacts()}: {allowed}")


def remove_unfinished() -> None:
    """Remove the database that a killed restore may have left. Its artifacts are copied again."""
    shutil.rmtree(POSTGRES, ignore_errors=True)


def restore(source: Path) -> None:
    """Fill the empty, running database, the artifacts and auth.ini from the backup. Raises as database.restore does.

    The folder ARTIFACTS may exist: runs of another server have other ids. auth.ini is written last and atomically, so a
    restore that was killed can be repeated.
    """
    database.restore(POSTGRES, source / database.DUMP)
    if (source / FOLDER).is_dir():
        shutil.copytree(source / FOLDER, artifacts(), dirs_exist_ok=True)
    new = AUTH.with_suffix(".new")
    shutil.copy(source / AUTH.name, new)
    new.replace(AUTH)
