"""The server's settings: SETTING=VALUE words of the command line, and auth.ini in the data folder."""

import configparser
import secrets
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

from errors import Refused
from people import READ

KNOWN = (
    "DATA", "HOST", "PORT", "NAMES", "ADDRESS", "ARTIFACTS", "UPGRADE", "RESTORE", "NAME", "FILE", "PERMISSION",
    "REMOVE", "LIST", "RENEW", "TEXT", "TO", "PYTHON", "TEAM",
)  # fmt: skip
GIVEN = {name: value for name, _, value in (word.partition("=") for word in sys.argv[2:])}
DATA = Path(GIVEN.get("DATA") or Path(__file__).with_name("data")).resolve()
HOST, PORT = GIVEN.get("HOST") or "127.0.0.1", GIVEN.get("PORT") or "5000"
NAMES = GIVEN.get("NAMES", "").replace(",", " ").split()
AUTH, POSTGRES = DATA / "auth.ini", DATA / "postgres"
OWN = str(DATA / "artifacts")
SOURCE = Path(GIVEN["RESTORE"]).resolve() if GIVEN.get("RESTORE") else None  # a backup
ADDRESS = GIVEN.get("ADDRESS") or f"http://{NAMES[0] if NAMES else HOST}:{PORT}"
EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104  requested by the user
LOCAL = f"http://{'127.0.0.1' if HOST in EVERYWHERE else HOST}:{PORT}"


def ensure_known() -> None:
    """Raise Refused if a setting's name is unknown: PERMISION=READ would add a user with EDIT."""
    if unknown := [name for name in GIVEN if name not in KNOWN]:
        raise Refused(f"{unknown[0]}={GIVEN[unknown[0]]}: no such setting; allowed are {', '.join(KNOWN)}")


def read_auth(file: Path = AUTH) -> configparser.SectionProxy:
    """Return the section `mlflow` of auth.ini, or of a backup's. It is empty if the file is missing."""
    parser = configparser.RawConfigParser()
    parser.read_dict({"mlflow": {}})
    parser.read(file)
    return parser["mlflow"]


@cache
def earlier() -> configparser.SectionProxy:
    """Return auth.ini's section as the last start with DATA has left it, or the server of the backup RESTORE."""
    return read_auth(SOURCE / AUTH.name if SOURCE else AUTH)


def earlier_artifacts() -> str:
    """Return where the earlier artifacts are, "" if that is unknown.

    A local folder of a backup's server does not count, because the backup contains its artifacts. Nor does a folder
    that an earlier version has recorded: it recorded DATA's own folder, too, and DATA may have been moved since.
    """
    known = earlier().get("charloom_artifacts", "")
    if "://" not in known and (SOURCE or "charloom_mlflow" not in earlier()):
        return ""
    return known or OWN


def artifacts() -> str:
    """Return where this start stores artifacts: an absolute folder, or an address such as s3://bucket/mlflow."""
    place = GIVEN.get("ARTIFACTS") or earlier_artifacts() or OWN
    return place if "://" in place else str(Path(place).absolute())  # a symbolic link stays one


def write_auth(uri: str) -> configparser.SectionProxy:
    """Complete auth.ini, write the file atomically and return its section. An existing password stays.

    uri  the address of the database

    Only the server's user may read the file, because it contains the owner's password.
    """
    section = read_auth()
    section.setdefault("admin_username", "admin")
    section.setdefault("admin_password", secrets.token_urlsafe(18))
    section.setdefault("secret_key", secrets.token_urlsafe(32))  # signs the forms of the pages
    section.setdefault("default_permission", READ)  # users with EDIT have a role: see people.py
    section.setdefault("auth_cache_ttl_seconds", "60")  # without it, each password check costs a second
    section["database_uri"] = uri  # changes if the folder was moved
    section["charloom_address"], section["charloom_local"] = ADDRESS, LOCAL  # for `user`
    section["charloom_artifacts"] = "" if artifacts() == OWN else artifacts()  # DATA may be moved with its own folder
    section["charloom_mlflow"] = metadata.version("mlflow")
    new = AUTH.with_suffix(".new")
    with new.open("w") as file:
        section.parser.write(file)
    new.replace(AUTH)
    return section


def auth_of_started_server() -> configparser.SectionProxy:
    """Return the section of auth.ini. Raises Refused if no server was started with this DATA before."""
    if "charloom_local" not in (section := read_auth()):
        raise Refused(
            f"{AUTH}: missing or incomplete; `make server` creates it; if you gave DATA= to `make server`, "
            "give the same DATA= here"
        )
    return section
