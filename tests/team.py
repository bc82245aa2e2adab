"""A team's server as `make server` starts it, and people who use it. It listens on 127.0.0.1 and ends with its test."""

import re
import signal
import subprocess
import tempfile
from pathlib import Path

import psutil
from filelock import FileLock
from mlflow import MlflowClient
from projects import ROOT, Project, started, until, variables
from stores import free_port

PYTHON = ROOT / ".venv-server/bin/python"
SCRIPT = ROOT / "server/server.py"
FOREIGN = ("MAKE", "MFLAGS", "MLFLOW_", "PYTHONWARNINGS")
MODEL = "models:/charloom-fox@best"
MAY_TAKE = 120  # seconds, on a busy machine; 7 on a quiet one


class Team:
    """A server, its data in a folder."""

    def __init__(self, folder: Path, *settings: str, **given: str):
        self.variables = given
        self.port, self.printed = free_port(), folder / "printed.txt"
        self.settings = [f"DATA={folder / 'data'}", f"PORT={self.port}", *settings]
        self.data, self.people, self.here = folder / "data", {}, f"http://127.0.0.1:{self.port}"
        with FileLock(Path(tempfile.gettempdir()) / "charloom-tests-server.lock"):  # two workers would make it at once
            subprocess.run(["make", "-s", ".venv-server/.ready"], cwd=ROOT, check=True, env=variables(*FOREIGN))
        self.start()

    def start(self) -> None:
        command = [str(PYTHON), "-W", "ignore", str(SCRIPT), "start", *self.settings]
        self.process = started(Project(self.printed.parent), *command, **self.variables)
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
        """Return all that a command of the server prints, such as `user`, or `start` if that is refused."""
        done = subprocess.run(
            [PYTHON, "-W", "ignore", SCRIPT, command, self.settings[0], *settings],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            env=variables(*FOREIGN) | self.variables,
        )  # fmt: skip
        assert done.returncode == expect, done.stdout
        return done.stdout

    def wait_for(self, line: str) -> None:
        """Wait until the server has printed the line."""
        until(lambda: line in self.printed.read_text() or self.process.poll() is not None, MAY_TAKE, 0.1)
        assert line in self.printed.read_text(), self.printed.read_text()

    def kill(self) -> bool:
        """Kill the server, and wait until MLflow and PostgreSQL have ended, too."""
        left = [*psutil.Process(self.process.pid).children(recursive=True), *self.databases()]
        self.process.kill()
        self.process.wait()
        return not psutil.wait_procs(left, 60)[1]

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

    def runs(self, monkeypatch, name: str = "ann") -> dict:
        """Return all runs that the person sees, by their ids, the newest first."""
        for variable, value in (self.people[name] | {"MLFLOW_TRACKING_URI": self.here}).items():
            monkeypatch.setenv(variable, value)
        client = MlflowClient(self.here)
        found = client.search_runs([each.experiment_id for each in client.search_experiments()])
        return {run.info.run_id: run for run in found}

    def said(self, name: str, project: Project, *command: str, expect: int | None = 0) -> str:
        """Return what a command prints to the person of this name."""
        return project.run(*command, expect=expect, **self.people[name] | {"MLFLOW_TRACKING_URI": self.here})
