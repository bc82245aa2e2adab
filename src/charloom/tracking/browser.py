"""A page, opened in the user's browser."""

import os
import socket
import sys
import webbrowser
from threading import Thread

HOST = "127.0.0.1"


def show(page: str) -> None:
    """Have the page opened where somebody sits before a display and a terminal. Returns at once."""
    seen = any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    seen = seen or (sys.platform == "darwin" and "SSH_CONNECTION" not in os.environ)
    if seen and sys.stdout.isatty():
        os.environ.pop("TERM", None)  # no browser is looked for that would need the terminal
        Thread(target=webbrowser.open, args=(page,)).start()


def listening(port: int) -> bool:
    """Return whether a server of this machine listens at the port."""
    with socket.socket() as trial:
        return trial.connect_ex((HOST, port)) == 0
