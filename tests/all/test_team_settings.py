"""A wrong setting of a command of a team's server is one line, and nothing is written."""

import socket
import subprocess

import pytest
from team import PYTHON, SCRIPT


@pytest.mark.usefixtures("team")  # it has made the environment
@pytest.mark.parametrize(("command", "setting", "words"), [
    ("user", "NAME=b b", "NAME=b b is not allowed; allowed are up to 64 of A-Z, a-z, 0-9, _, . and -, first a letter "),
    ("user", "NAME=admin", "NAME=admin is not allowed; "),
    ("user", "NAME=ann", "auth.ini: missing or incomplete; `make server` creates it; if you gave DATA= "),
    ("start", "HOST=0.0.0.0", "HOST=0.0.0.0: NAMES must name this server"),
    ("start", "HOST=::", "HOST=::: NAMES must name this server"),
    ("course", "TEXT=gone.txt", "TEXT=gone.txt: No such file or directory; TEXT is the file of the course's text\n"),
    ("course", "FILE=class.txt", "TEXT=: No such file or directory; TEXT is the file of the course's text\n"),
    ("user", "PERMISION=READ", "PERMISION=READ: no such setting; allowed are DATA, HOST, "),
    ("start", "PORT=many", "PORT=many is not allowed; allowed is a whole number from 1 to 65535\n"),
    ("start", "PORT=0", "PORT=0 is not allowed; allowed is a whole number from 1 to 65535\n"),
    ("start", "PORT={taken}", "`make server PORT=5001` uses another port"),
    ("start", "DATA=/a&b", "DATA=/a&b: allowed are letters, digits, _, -, . and /, at most 75 bytes\n"),
])  # fmt: skip
def test_a_wrong_setting_is_one_line(tmp_path_factory, command, setting, words):
    folder = tmp_path_factory.mktemp("w")  # a short name
    with socket.create_server(("127.0.0.1", 0)) as taken:
        given = f"DATA={folder / 'data'}", setting.format(taken=taken.getsockname()[1])
        done = subprocess.run([PYTHON, SCRIPT, command, *given], capture_output=True, text=True, check=False)
    assert (done.returncode, words in done.stderr, done.stderr.count("\n")) == (2, True, 1), done.stderr
    assert not (folder / "data/auth.ini").exists()


@pytest.mark.usefixtures("team")
@pytest.mark.parametrize(("names", "setting", "words"), [
    ("\ufeffann\ncäsar\n", "LIST=", "FILE={file}: cäsar is not allowed; allowed are up to 64 of "),  # ann is allowed
    ("ann\n", "NAME=eve", "NAME=eve: not allowed with FILE={file}; allowed is one of them\n"),
])  # fmt: skip
def test_a_wrong_class_list_is_one_line(tmp_path, names, setting, words):
    file = tmp_path / "class.txt"
    file.write_text(names, encoding="utf-8")
    command = [PYTHON, SCRIPT, "user", f"DATA={tmp_path}", f"FILE={file}", setting]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert done.stderr.startswith(words.format(file=file))
