"""A page, opened in the user's browser as soon as its server listens."""

import os
import socket
import sys
import time
import webbrowser
from threading import Thread

HOST = "127.0.0.1"
SERVER_MAY_TAKE = 60  # seconds, to start


def show(page: str, port: int = 0) -> None:
    """Have the page opened where somebody sits before a display and a terminal. Returns at once.

    Where a port is given it waits until that one listens, in a thread: this process goes on to be the server there,
    and the thread ends with it.
    """
    seen = any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    seen = seen or (sys.platform == "darwin" and "SSH_CONNECTION" not in os.environ)
    if seen and sys.stdout.isatty():
        Thread(target=_open, args=(page, port), daemon=bool(port)).start()


def _open(page: str, port: int) -> None:
    end = time.monotonic() + SERVER_MAY_TAKE
    while port and not _listening(port):
        if time.monotonic() > end:
            return
        time.sleep(0.2)
    os.environ.pop("TERM", None)  # no browser is looked for that would need the terminal
    webbrowser.open(page)


def _listening(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex((HOST, port)) == 0
