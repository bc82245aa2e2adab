"""GitLab's API for the notes of one merge request, on this machine."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

TOKEN, OWN = "a-token-of-the-project", 42  # and whose it is
NOTES = "/projects/3/merge_requests/7/notes"
REQUEST = {"CI_MERGE_REQUEST_IID": "7", "CI_MERGE_REQUEST_PROJECT_ID": "3"}


@contextmanager
def notes_of(notes: list[dict]) -> Iterator[str]:
    """Serve GitLab's API for the notes of one merge request, for who has the token; yield its address."""

    class Api(BaseHTTPRequestHandler):
        def answer(self, code: int, content: object) -> None:
            self.send_response(code)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def handle_call(self) -> None:
            given = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
            path, _, number = urlsplit(self.path).path.partition(f"{NOTES}/")
            (known,) = [note for note in notes if str(note["id"]) == number] or [None]
            match self.headers.get("PRIVATE-TOKEN"), self.command, path:
                case token, _, _ if token != TOKEN:
                    self.answer(401, {"message": "401 Unauthorized"})
                case _, "GET", "/user":
                    self.answer(200, {"id": OWN})
                case _, "GET", path if path == NOTES:
                    self.answer(200, notes)
                case _, "POST", path if path == NOTES:
                    notes.append({"id": 100 + len(notes), "author": {"id": OWN}, "body": given["body"][0]})
                    self.answer(201, notes[-1])
                case _, "PUT", "" if known and known["author"]["id"] == OWN:
                    known["body"] = given["body"][0]
                    self.answer(200, known)
                case _:
                    self.answer(403, {"message": "403 Forbidden"})

        do_GET = do_POST = do_PUT = handle_call

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
