"""A page, opened in the user's browser as soon as its server answers, by a process that leaves when that is done.

python -m charloom.tracking.browser ADDRESS PROCESS: the server will be, or is asked for by, that process.
"""

import os
import socket
import subprocess
import sys
import time
import webbrowser
from pathlib import Path
from urllib.parse import urlsplit

import psutil

SOURCES = Path(__file__).parents[2]
SECONDS = 60  # that a server may take to start


def show(address: str) -> None:
    """Have the page opened where somebody sits before a display and a terminal. Returns at once."""
    seen = {"DISPLAY", "WAYLAND_DISPLAY"} & {name for name, value in os.environ.items() if value}
    if sys.platform == "darwin" and "SSH_CONNECTION" not in os.environ:
        seen.add("macOS")
    if not seen or not sys.stdout.isatty():
        return
    # Without TERM no browser is looked for that would need the terminal.
    environment = {name: value for name, value in os.environ.items() if name != "TERM"}
    subprocess.run(
        [sys.executable, "-m", "charloom.tracking.browser", address, str(os.getpid())],
        env=environment | {"PYTHONPATH": str(SOURCES)},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
    )  # fmt: skip


def _answers(address: str) -> bool:
    parts = urlsplit(address)
    try:
        socket.create_connection((parts.hostname, parts.port or {"https": 443}.get(parts.scheme, 80)), 1).close()
    except OSError:
        return False
    return True


def main(address: str, process: int) -> None:
    """Leave the starting process at once, wait for the server, and open the page; give up where the server has ended.

    A child of the server would stay in its list of processes when it has ended: the server waits for none. In the
    terminal's group it stays, so that Ctrl-C ends it too.
    """
    if os.fork():
        return
    end = time.monotonic() + SECONDS
    while not _answers(address):
        if time.monotonic() > end or not psutil.pid_exists(process):
            return
        time.sleep(0.2)
    webbrowser.open(address)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
