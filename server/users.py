"""The command `user`: add, change, remove or list users, and print what they type."""

from configparser import SectionProxy
from pathlib import Path

from errors import Refused
from people import EDIT, READ, TEAM, Server, ensure_name, names_in
from settings import AUTH, GIVEN, auth_of_started_server

LOGIN = """\
{name} {state}. {name} types these lines, or puts them into the shell's profile:

    export MLFLOW_TRACKING_URI={address}
    export MLFLOW_TRACKING_USERNAME={name}
    export MLFLOW_TRACKING_PASSWORD={password}

`charloom doctor` then checks the connection. The password is shown once; the same command again sets a new password.
"""
CLASS_LOGIN = """\

Each user types these lines, with their own name and password:

    export MLFLOW_TRACKING_URI={address}
    export MLFLOW_TRACKING_USERNAME=NAME
    export MLFLOW_TRACKING_PASSWORD=PASSWORD

A password is shown once; `make server-user NAME=…` sets a new password.
"""


def user() -> None:
    """List, remove, add or change users, as LIST, REMOVE, FILE and NAME say, and print their login settings.

    Raises Refused if a setting is not allowed, or the server refuses a request or does not answer.
    """
    permission, file = GIVEN.get("PERMISSION") or EDIT, GIVEN.get("FILE")
    if file and GIVEN.get("NAME"):
        raise Refused(f"NAME={GIVEN['NAME']}: not allowed with FILE={file}; allowed is one of them")
    if permission not in {READ, EDIT}:
        raise Refused(f"PERMISSION={permission} is not allowed; allowed is {EDIT} or {READ}")
    if GIVEN.get("LIST") == "1":
        settings = auth_of_started_server()
        _list(Server(settings), settings)
        return
    names = names_in(Path(file)) if file else [GIVEN.get("NAME", "")]
    for name in names:
        ensure_name(name)
    settings = auth_of_started_server()
    server, default = Server(settings), settings["default_permission"]
    if permission == READ and default in {EDIT, "MANAGE"}:
        cure = "set it to READ, restart the server, and run `make server-user` for each user who needs EDIT"
        raise Refused(f"{AUTH}: default_permission = {default} applies to all users: {cure}")
    if GIVEN.get("REMOVE") == "1":
        _remove(server, names)
    elif file:
        _add_class(server, names, permission)
        print(CLASS_LOGIN.format(address=settings["charloom_address"]), end="")
    else:
        roles = server.roles().get(names[0])
        state = f"{'is a user now' if roles is None else 'exists, and has a new password'}, with {permission}"
        password = server.let_in(names[0], permission, roles)
        login = {"name": names[0], "password": password, "address": settings["charloom_address"]}
        print(LOGIN.format(state=state, **login), end="")


def _list(server: Server, settings: SectionProxy) -> None:
    """Print the users, each with `owner`, EDIT, or the default permission."""
    for name, roles in sorted(server.roles().items()):
        permission = EDIT if TEAM in roles else settings["default_permission"]  # other roles: own experiments
        print(f"{name:24} {'owner' if name == settings['admin_username'] else permission}")


def _remove(server: Server, names: list[str]) -> None:
    """Remove the users. Raises Refused, and removes nobody, if one of them does not exist."""
    users = server.roles()
    if unknown := [name for name in names if name not in users]:
        raise Refused(f"NAME={unknown[0]}: no such user; `make server-user LIST=1` lists them")
    for name in names:
        server.remove(name)
        print(f"removed {name}; their runs stay")


def _add_class(server: Server, names: list[str], permission: str) -> None:
    """Add the users, and print a table of the new passwords. Users who exist keep theirs, unless RENEW is 1."""
    users = server.roles()
    print(f"{'name':24} password")
    for name in names:
        password = server.let_in(name, permission, users.get(name), keep_password=GIVEN.get("RENEW") != "1")
        if password:
            print(f"{name:24} {password}", flush=True)
    if kept := "" if GIVEN.get("RENEW") == "1" else ", ".join(name for name in names if name in users):
        print(f"\nkeep their passwords, unless you add RENEW=1: {kept}")
