"""Real places for files on this machine: S3, WebDAV and ssh. They listen on 127.0.0.1 and end with their test."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from projects import ROOT, until
from stores import free_port

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


def rclone(folder: Path) -> Path:
    """Install rclone in the folder, from its lock."""
    locked = ["--require-hashes", "-r", str(ROOT / "tests/all/requirements.txt")]
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "pip", "install", "--quiet", "--target", folder, *locked], check=True)
    return folder / "bin/rclone"


@contextmanager
def listening(port: int, *command: str | Path) -> Iterator[None]:
    """Run the command, which listens at the port."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def answers() -> bool:
        assert process.poll() is None, process.stderr.read()
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    try:
        until(answers, every=0.1)
        yield
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def s3(binary: Path, folder: Path) -> Iterator[str]:
    """Serve the folder, whose folders are buckets; yield the endpoint. KEYS open it."""
    port = free_port()
    key = f"{KEYS['AWS_ACCESS_KEY_ID']},{KEYS['AWS_SECRET_ACCESS_KEY']}"
    with listening(port, binary, "serve", "s3", folder, "--addr", f"127.0.0.1:{port}", "--auth-key", key):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def webdav(binary: Path, folder: Path) -> Iterator[str]:
    """Serve the folder; yield the address. ann and PASSWORD open it."""
    port = free_port()
    # A folder made beside it is seen soon; with 0s rclone forgets without end, and answers nobody.
    whose = ("--user", "ann", "--pass", PASSWORD, "--dir-cache-time", "100ms")
    with listening(port, binary, "serve", "webdav", folder, "--addr", f"127.0.0.1:{port}", *whose):
        yield f"webdav://127.0.0.1:{port}"


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
    with listening(port, server, "-D", "-e", "-f", settings):
        yield f"ssh://127.0.0.1:{port}"
