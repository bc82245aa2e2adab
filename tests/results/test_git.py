"""What Git says of the code is the truth, or said to be unknown."""

import json
import subprocess
from contextlib import chdir

import pytest
from mlflow_project import this_run
from projects import Project

from charloom.core.base.errors import Unavailable
from charloom.core.base.git import commit, or_unknown
from charloom.results.git import branch, remote_url, uncommitted_patch
from charloom.tracking.collect import put_run

TEXT = "data/fox.txt"


@pytest.fixture
def here(project: Project):
    with chdir(project.folder):
        yield project


def test_nothing_is_uncommitted_where_nothing_is(here):
    assert uncommitted_patch(TEXT) == ""
    assert commit() == here.run("git", "rev-parse", "HEAD").strip()
    assert branch() == here.run("git", "branch", "--show-current").strip()


@pytest.mark.parametrize(("names", "said"), [
    ([], "false"), (["params.yaml"], "params.yaml"), (["src/plot.py"], "true"), ([TEXT], "true"),
    (["params.yaml", "src/plot.py"], "true"),
])  # fmt: skip
def test_the_tag_tells_edited_params_from_an_edited_source_or_text(here, names, said):
    for name in names:
        path = here.folder / name
        path.write_text(path.read_text() + "\n# edited\n")
    entry = put_run(this_run())
    assert json.loads((entry / "manifest.json").read_text())["tags"]["charloom.uncommitted_changes"] == said
    assert (entry / "files/artifacts/uncommitted.diff").exists() == (said != "false")


def test_the_patch_makes_the_changes_again(here):
    here.edit("src/plot.py", '"""plot', '"""Plot')
    new = {
        "src/charloom/new.py": b'"""New."""\n', "src/charloom/pages/templates/new.html": b"<p>caf\xe9 \xc3\xa9\r\n",
        "src/charloom/core/kernel/new.c": b"int x;", "src/charloom/pages/new.woff2": bytes(range(256)),
    }  # fmt: skip
    for name, content in new.items():
        (here.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (here.folder / name).write_bytes(content)
    (here.folder / TEXT).write_text("another text\n")
    patch = put_run(this_run()) / "files/artifacts/uncommitted.diff"
    contents = {name: (here.folder / name).read_bytes() for name in ("src/plot.py", TEXT, *new)}
    here.run("git", "stash", "--include-untracked")
    subprocess.run(["git", "apply", patch], check=True)
    assert {name: (here.folder / name).read_bytes() for name in contents} == contents


def test_the_patch_of_a_project_below_the_top_is_relative_to_its_folder(tmp_path):
    (tmp_path / "top/below/src").mkdir(parents=True)
    edited, new = tmp_path / "top/below/params.yaml", tmp_path / "top/below/src/new.py"
    edited.write_text("eta: 0.1\n")
    top = Project(tmp_path / "top")
    for command in (["init", "-q"], ["add", "-A"], ["-c", "user.name=t", "-c", "user.email=t", "commit", "-qm", "one"]):
        top.run("git", *command)
    edited.write_text("eta: 0.2\n")
    new.write_text("x = 1\n")
    with chdir(edited.parent):
        patch = uncommitted_patch("text.txt")
    assert patch.startswith("diff --git a/params.yaml b/params.yaml\n")
    top.run("git", "checkout", "-q", ".")
    new.unlink()
    (tmp_path / "patch").write_text(patch)
    top.run("git", "apply", "--directory=below/", str(tmp_path / "patch"))
    assert (edited.read_text(), new.read_text()) == ("eta: 0.2\n", "x = 1\n")


def test_everything_is_a_change_before_the_first_commit(tmp_path, monkeypatch):
    (tmp_path / "src").mkdir()
    (tmp_path / "src/new.py").write_text("x = 1\n")
    with chdir(tmp_path):
        for question in (commit, branch, lambda: uncommitted_patch("text.txt")):
            with pytest.raises(Unavailable, match=r"^git: fatal: not a git repository"):
                question()
            assert or_unknown(question).startswith("unknown: git: fatal: not a git repository")
        subprocess.run(["git", "init", "-q"], check=True)
        assert (commit(), branch()) == ("", "")
        assert "+x = 1" in uncommitted_patch("text.txt")
    monkeypatch.setenv("PATH", "/nowhere")
    assert or_unknown(commit) == "unknown: git cannot be started: No such file or directory"


@pytest.mark.slow_but_first
@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://github.com/kth/charloom.git", "https://github.com/kth/charloom"),
        ("https://ann:token@gits-15.sys.kth.se/ann/rnn/", "https://gits-15.sys.kth.se/ann/rnn"),
        ("http://127.0.0.1:3000/ann/rnn", "http://127.0.0.1:3000/ann/rnn"),
        ("git@github.com:kth/charloom.git", "https://github.com/kth/charloom"),
        ("ssh://git@gitlab.example.org:2222/group/sub/rnn.git", "https://gitlab.example.org/group/sub/rnn"),
        ("/srv/git/rnn.git", ""),
        ("file:///srv/git/rnn.git", ""),
        ("", ""),
    ],
)
def test_the_web_address_of_origin_has_no_login_and_a_folder_has_none(here, url, address):
    if url:
        here.run("git", "remote", "add", "origin", url)
    assert remote_url() == address
