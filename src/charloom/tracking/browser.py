"""Open a page in the user's browser."""

import os
import socket
import sys
import webbrowser
from threading import Thread

HOST = "127.0.0.1"


def show(page: str) -> None:
    """Open the page at this address in a browser, and do not wait. Do nothing without a display or a terminal."""
    has_display = any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    has_display = has_display or (sys.platform == "darwin" and "SSH_CONNECTION" not in os.environ)
    if has_display and sys.stdout.isatty():
        os.environ.pop("TERM", None)  # excludes browsers that run in the terminal
        Thread(target=webbrowser.open, args=(page,)).start()


def listening(port: int) -> bool:
    """Return whether a server on this machine listens on the port of 127.0.0.1."""
    with socket.socket() as client:
        return client.connect_ex((HOST, port)) == 0
