"""The command `course`: make the experiments of a course before the first student sends a run.

Whoever creates an experiment owns it, and may delete every run in it. An experiment of the server's owner is safe.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from errors import Refused
from people import V2, Server
from settings import GIVEN, auth_of_started_server
from users import user

# Tags of charloom's experiments, and the value of KEY for the experiment of studies: as in tracking/tag.py and store.py
KEY, NAME, STUDIES = "charloom.text_sha256", "charloom.name", "studies"


def course() -> None:
    """Make the experiments of the text TEXT and of the studies; then add the users of FILE or NAME, if one is given.

    Raises Refused if TEXT cannot be read, and as `user` does.
    """
    text = GIVEN.get("TEXT", "")
    try:
        with open(text, "rb") as file:  # noqa: PTH123  Path("") is this folder
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Refused(f"TEXT={text}: {error.strerror}; TEXT is the file of the course's text") from None
    server = Server(auth_of_started_server())
    known = {tags[KEY]: name for _, name, tags in _experiments(server)}
    for key, name in ((digest, f"charloom {Path(text).stem[:200]}"), (STUDIES, f"charloom: {STUDIES}")):
        if key in known:
            print(f"experiment {known[key]!r} exists; it belongs to the user who created it")
        else:
            name = f"{name} {key[:8]}" if name in known.values() else name  # as the client in tracking/store.py
            tags = [{"key": KEY, "value": key}, {"key": NAME, "value": name}]
            server.ask("POST", f"{V2}/experiments/create", name=name, tags=tags)
            print(
                f"created experiment {name!r}: it belongs to the server's owner, so no other user may delete its runs"
            )
    if GIVEN.get("FILE") or GIVEN.get("NAME"):
        user()


def restore_names() -> None:
    """Rename charloom's experiments as they were created, and say which. Every user with EDIT may rename them.

    If the server refuses that, for its owner's password was changed in MLflow, nothing is renamed.
    """
    server = Server(auth_of_started_server())
    with suppress(Refused):
        for number, name, tags in _experiments(server):
            if (created := tags.get(NAME, name)) != name:
                server.ask("POST", f"{V2}/experiments/update", experiment_id=number, new_name=created)
                print(f"experiment {created!r} was renamed to {name!r}; it has its old name again", flush=True)


def _experiments(server: Server) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield the id, the name and the tags of each of charloom's active experiments."""
    condition = {"filter": f"tags.`{KEY}` LIKE '%'", "max_results": 1000}
    for experiment in server.ask("POST", f"{V2}/experiments/search", **condition).get("experiments", []):
        tags = {tag["key"]: tag["value"] for tag in experiment["tags"]}
        yield experiment["experiment_id"], experiment["name"], tags
