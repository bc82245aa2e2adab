"""GitLab's API for the notes of one merge request, on this machine."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from urllib.parse import parse_qs, urlsplit

from serving import Asked, answered, serving

TOKEN, OWN = "a-token-of-the-project", 42  # and whose it is
NOTES = "/projects/3/merge_requests/7/notes"
REQUEST = {"CI_MERGE_REQUEST_IID": "7", "CI_MERGE_REQUEST_PROJECT_ID": "3"}


def notes_of(notes: list[dict]) -> AbstractContextManager[str]:
    """Serve GitLab's API for the notes of one merge request, for who has the token; yield its address."""

    def answer(asked: Asked) -> Iterable[bytes]:
        given = parse_qs(asked.body.decode())
        path, _, number = urlsplit(asked.path).path.partition(f"{NOTES}/")
        (known,) = [note for note in notes if str(note["id"]) == number] or [None]
        match asked.headers.get("private-token"), asked.method, path:
            case token, _, _ if token != TOKEN:
                return answered({"message": "401 Unauthorized"}, 401)
            case _, "GET", "/user":
                return answered({"id": OWN})
            case _, "GET", path if path == NOTES:
                return answered(notes)
            case _, "POST", path if path == NOTES:
                notes.append({"id": 100 + len(notes), "author": {"id": OWN}, "body": given["body"][0]})
                return answered(notes[-1], 201)
            case _, "PUT", "" if known and known["author"]["id"] == OWN:
                known["body"] = given["body"][0]
                return answered(known)
        return answered({"message": "403 Forbidden"}, 403)

    return serving(answer)
