"""A server whose answers a test writes, to the byte. It listens on 127.0.0.1."""

import json
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple


class Asked(NamedTuple):
    """A request with its headers, whose names are in small letters, and the server's own address."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    address: str


Behaviour = Callable[[Asked], Iterable[bytes]]  # the pieces of an answer


def answered(body: bytes | dict | list, code: int = 200, headers: Iterable[str] = ()) -> list[bytes]:
    """Return a whole answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [f"HTTP/1.1 {code} answered", f"Content-Length: {len(content)}", "Connection: close", *headers]
    return ["\r\n".join([*head, "", ""]).encode(), content]


@contextmanager
def serving(behaviour: Behaviour, secure: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve what the behaviour yields, piece by piece, until whoever asked has gone, by https if `secure` is given."""
    over = threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError, ValueError):
                method, path, _ = self.rfile.readline().decode("latin-1").split(" ", 2)
                headers = {}
                while (line := self.rfile.readline().strip()) and b":" in line:
                    name, _, value = line.decode("latin-1").partition(":")
                    headers[name.lower()] = value.strip()
                body = self.rfile.read(int(headers.get("content-length", 0)))
                for piece in behaviour(Asked(method, path, headers, body, address)):
                    if over.is_set():
                        return
                    self.connection.sendall(piece)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads, block_on_close, request_queue_size = True, False, 64

        def handle_error(self, *_):
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        if secure:
            server.socket = secure.wrap_socket(server.socket, server_side=True)
        address = f"http{'s' if secure else ''}://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield address
        finally:
            over.set()
            server.shutdown()
