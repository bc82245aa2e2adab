"""Users of a team's server: add, change, remove and list them, through MLflow's REST API.

MLflow's own client is not used: its import takes seconds, and it cannot list users.

The server's default permission is READ. A user with EDIT has the role `team`, which may add to every experiment and
model. MLflow combines permissions by taking the largest, so a default of EDIT could not be restricted for one user.
"""

import configparser
import json
import re
import secrets
import urllib.error
import urllib.request
from base64 import b64encode
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from errors import Refused

ADMIN, TEAM = "admin", "team"
READ, EDIT = "READ", "EDIT"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
SECONDS = 30  # for one request
V2, V3 = "/api/2.0/mlflow", "/api/3.0/mlflow"


class Server:
    """A client of the running server, logged in as the server's owner."""

    def __init__(self, settings: configparser.SectionProxy) -> None:
        """Take the address and the owner's login from `settings`, the section of auth.ini."""
        self.local = settings["charloom_local"]
        secret = f"{settings['admin_username']}:{settings['admin_password']}"
        self._headers = {"Authorization": f"Basic {b64encode(secret.encode()).decode()}"}

    def ask(self, method: str, path: str, **values: object) -> dict[str, Any]:
        """Send a request, and return the server's answer. Raises Refused if the server refuses or does not answer.

        values  the query of a GET request; the JSON body of any other request
        """
        url, body = f"{self.local}{path}", None
        headers = self._headers | {"Content-Type": "application/json"}
        if method == "GET":
            url += f"?{urlencode(values)}"
        else:
            body = json.dumps(values).encode()
        request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310  our own server
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310  the server's own address
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            raise Refused(f"{self.local}: HTTP {error.code}: {error.read(300).decode(errors='replace')!a}", 1) from None
        except (OSError, ValueError):
            raise Refused(f"{self.local}: the server does not answer; `make server` starts it", 1) from None

    def roles(self) -> dict[str, dict[str, int]]:
        """Return, by the user's name, the ids of the user's roles by the role's name."""
        users = self.ask("GET", f"{V2}/users/list")["users"]
        return {user["username"]: {role["name"]: role["id"] for role in user["roles"]} for user in users}

    @cached_property
    def team_role(self) -> int:
        """Return the id of the role `team`. Create the role if it is missing."""
        for role in self.ask("GET", f"{V3}/roles/list", workspace="default")["roles"]:
            if role["name"] == TEAM:
                return int(role["id"])
        number = int(self.ask("POST", f"{V3}/roles/create", workspace="default", name=TEAM)["role"]["id"])
        for kind in ("experiment", "registered_model"):
            permission = {"resource_type": kind, "resource_pattern": "*", "permission": EDIT}
            self.ask("POST", f"{V3}/roles/permissions/add", role_id=number, **permission)
        return number

    def let_in(self, name: str, permission: str, roles: dict[str, int] | None, *, keep_password: bool = False) -> str:
        """Create the user, or change the user's password and permission; return the new password.

        permission     READ or EDIT
        roles          the ids of the user's roles by name; None if there is no such user
        keep_password  leave the password of a user who exists, and return an empty text
        """
        password = secrets.token_urlsafe(12)
        if roles is None:
            self.ask("POST", f"{V2}/users/create", username=name, password=password)
        elif keep_password:
            password = ""
        else:
            self.ask("PATCH", f"{V2}/users/update-password", username=name, password=password)
        has_role = TEAM in (roles or {})
        if has_role != (permission == EDIT):
            path = f"{V3}/roles/unassign" if has_role else f"{V3}/roles/assign"
            self.ask("DELETE" if has_role else "POST", path, username=name, role_id=self.team_role)
        return password

    def remove(self, name: str) -> None:
        """Remove the user; their runs stay."""
        self.ask("DELETE", f"{V2}/users/delete", username=name)


def names_in(file: Path) -> list[str]:
    """Return the names in a file, one per line, without duplicates.

    Raises Refused, with the file's name, if the file cannot be read, has no name, or a name is not allowed.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()  # spreadsheets begin with a byte-order mark
    except (OSError, UnicodeError) as error:
        raise Refused(f"FILE={file}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
    names = [line.strip() for line in lines if line.strip()]
    for name in names:
        ensure_name(name, f"FILE={file}: ")
    if not names:
        raise Refused(f"FILE={file}: the file contains no name; write one name per line")
    return list(dict.fromkeys(names))


def ensure_name(name: str, where: str = "NAME=") -> None:
    """Raise Refused if this is not a name that a user may have. The message begins with `where`."""
    if not NAME.fullmatch(name) or name == ADMIN:
        allowed = f"up to 64 of A-Z, a-z, 0-9, _, . and -, first a letter or digit, such as ann; {ADMIN} is reserved"
        shown = name[:80] if name.isprintable() else ascii(name[:80])[1:-1]
        raise Refused(f"{where}{shown} is not allowed; allowed are {allowed}")
