"""A team's server as `make server` starts it, and people who use it. It listens on 127.0.0.1 and ends with its test."""

import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
from projects import ROOT, Project, variables
from stores import free_port

PYTHON = ROOT / ".venv-server/bin/python"
SCRIPT = ROOT / "server/server.py"
FOREIGN = ("MAKE", "MFLAGS", "MLFLOW_", "PYTHONWARNINGS")
MAY_TAKE = 120  # seconds, on a busy machine; 7 on a quiet one


class Team:
    """A server, its data in a folder."""

    def __init__(self, folder: Path, *settings: str, **given: str):
        self.variables = given
        self.port, self.printed = free_port(), folder / "printed.txt"
        self.settings = [f"DATA={folder / 'data'}", f"PORT={self.port}", *settings]
        self.data, self.people, self.here = folder / "data", {}, f"http://127.0.0.1:{self.port}"
        subprocess.run(["make", "-s", ".venv-server/.ready"], cwd=ROOT, check=True, env=variables(*FOREIGN))
        self.start()

    def start(self) -> None:
        with self.printed.open("w") as printed:
            self.process = subprocess.Popen(
                [PYTHON, "-W", "ignore", SCRIPT, "start", *self.settings], stdout=printed, stderr=printed,
                stdin=subprocess.DEVNULL, env=variables(*FOREIGN) | self.variables, start_new_session=True,
            )  # fmt: skip
        self.wait_for("Ctrl-C ends it")

    def end(self) -> str:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        return self.printed.read_text()

    def databases(self) -> list[psutil.Process]:
        """Return the processes of PostgreSQL that work on its data."""
        of = [each for each in psutil.process_iter(["name", "cmdline"]) if each.info["name"] == "postgres"]
        return [each for each in of if str(self.data) in " ".join(each.info["cmdline"] or ())]  # None if it ended

    def run(self, command: str, *settings: str, expect: int = 0) -> str:
        """Return all that another command of the server prints: `user` or `backup`."""
        done = subprocess.run(
            [PYTHON, "-W", "ignore", SCRIPT, command, self.settings[0], *settings],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, env=variables(*FOREIGN),
        )  # fmt: skip
        assert done.returncode == expect, done.stdout
        return done.stdout

    def wait_for(self, line: str) -> None:
        """Wait until the server has printed the line."""
        end = time.monotonic() + MAY_TAKE
        while line not in self.printed.read_text():
            assert time.monotonic() < end, self.printed.read_text()
            assert self.process.poll() is None, self.printed.read_text()
            time.sleep(0.1)

    def kill(self) -> bool:
        """Kill MLflow, and wait until PostgreSQL has ended, too."""
        for each in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                each.kill()
        return bool(self.process.wait(60))

    def let_in(self, name: str, *settings: str) -> str:
        """Make a user, or give them a new password, and return what is printed."""
        printed = self.run("user", f"NAME={name}", *settings)
        self.people[name] = dict(re.findall(r"export (\w+)=(\S+)", printed))
        return printed

    def default_permission(self, permission: str) -> None:
        """Let the server have this permission for who owns nothing: end it and start it again, unless it has."""
        settings = self.data / "auth.ini"
        before = settings.read_text()
        changed = re.sub(r"default_permission = \w+", f"default_permission = {permission}", before)
        if changed != before:
            self.end()
            settings.write_text(changed)
            self.start()

    def said(self, name: str, project: Project, *command: str, expect: int | None = 0) -> str:
        """Return what a command prints to the person of this name."""
        return project.run(*command, expect=expect, **self.people[name] | {"MLFLOW_TRACKING_URI": self.here})
