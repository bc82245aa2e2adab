"""A page, opened in the user's browser as soon as its server listens, by a process that leaves when that is done.

python -m charloom.tracking.browser PAGE PORT PROCESS: that process of this machine is, or will be, the server there.
"""

import os
import socket
import subprocess
import sys
import time
import webbrowser
from pathlib import Path

import psutil

HOST = "127.0.0.1"
SERVER_MAY_TAKE = 60  # seconds, to start


def show(page: str, port: int) -> None:
    """Have the page opened where somebody sits before a display and a terminal. Returns at once.

    port  where this process is about to serve it; 0 where another machine does already
    """
    seen = any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    seen = seen or (sys.platform == "darwin" and "SSH_CONNECTION" not in os.environ)
    if seen and sys.stdout.isatty():
        command = [sys.executable, "-m", __name__, page, str(port), str(os.getpid())]
        # Without TERM no browser is looked for that would need the terminal.
        environment = os.environ | {"TERM": "", "PYTHONPATH": str(Path(__file__).parents[2])}
        null = subprocess.DEVNULL
        subprocess.run(command, env=environment, stdin=null, stdout=null, stderr=null, check=False)


def _listening(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex((HOST, port)) == 0


def main(page: str, port: int, process: int) -> None:
    """Leave the starting process at once, wait for the server, and open the page; give up where the server has ended.

    A child of the server would stay in its list of processes when it has ended: the server waits for none. In the
    terminal's group it stays, so that Ctrl-C ends it too.
    """
    if os.fork():
        return
    end = time.monotonic() + SERVER_MAY_TAKE
    while port and not _listening(port):
        if time.monotonic() > end or not psutil.pid_exists(process):
            return
        time.sleep(0.2)
    webbrowser.open(page)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
