"""`charloom new`: the project that it writes, and the requests that it refuses."""

import hashlib
import re
import shutil
import subprocess

import pytest
from new_projects import new, working_folder
from projects import ROOT, Project

from charloom.commands import new as module

TEMPLATE = ROOT / "template"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder."""
    return working_folder(tmp_path, monkeypatch)


def test_a_wrong_request_gets_one_line_and_writes_nothing(place, monkeypatch):
    (place / "link").symlink_to("nowhere")
    (place / "repository/.git").mkdir(parents=True)
    before = sorted(place.rglob("*"))
    for folder, line in (
        ("link", "link: exists already"),
        ("repository/x", f"repository/x: lies in the repository {place}/repository; allowed is a folder outside"),
        ("a\x1b[2Jb", r"a\x1b[2Jb: allowed is a path without line breaks"),
    ):  # fmt: skip
        code, printed, complaint = new(folder)
        assert (code, printed, complaint.count("\n")) == (2, "", 1), folder
        assert complaint.startswith(line)
    code, _, complaint = new("x" * 300)
    assert (code, complaint.count("\n")) == (5, 1)
    monkeypatch.setattr(module, "TEMPLATE", place / "template")
    assert new("new")[::2] == (2, "new: this charloom has no folder template/; allowed is `charloom new` of a clone\n")
    assert sorted(place.rglob("*")) == before


def test_a_failure_of_git_leaves_nothing(place, monkeypatch):
    (place / "hooks").mkdir()
    (place / "hooks/pre-commit").write_text("#!/bin/sh\necho no >&2\nexit 1\n")
    (place / "hooks/pre-commit").chmod(0o755)
    before = sorted(place.rglob("*"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    with monkeypatch.context() as hook:
        hook.setenv("GIT_CONFIG_KEY_0", "core.hooksPath")
        hook.setenv("GIT_CONFIG_VALUE_0", str(place / "hooks"))
        assert new("new") == (5, "", "git: no\n")
    with monkeypatch.context() as nobody:
        for name in ("AUTHOR", "COMMITTER"):
            nobody.delenv(f"GIT_{name}_NAME")
            nobody.delenv(f"GIT_{name}_EMAIL")
        nobody.setenv("HOME", str(place))
        nobody.setenv("GIT_CONFIG_NOSYSTEM", "1")
        nobody.setenv("GIT_CONFIG_KEY_0", "user.useConfigOnly")  # no name from the machine's own
        nobody.setenv("GIT_CONFIG_VALUE_0", "true")
        code, _, complaint = new("new")
        assert (code, complaint.count("\n")) == (5, 1)
        assert "identity unknown" in complaint
    monkeypatch.setenv("PATH", "")
    assert new("new") == (5, "", "git cannot be started: No such file or directory\n")
    assert sorted(place.rglob("*")) == before


def test_a_new_project_is_one_commit_of_the_template_with_the_novel(place, monkeypatch):
    used = place / "used"  # the template, after somebody ran it in its place
    shutil.copytree(TEMPLATE, used)
    (used / "models").mkdir()
    (used / "models/last.npz").write_text("a result")
    monkeypatch.setattr(module, "TEMPLATE", used)
    monkeypatch.setenv("GIT_DIR", "elsewhere")  # as in a hook
    code, printed, complaint = new("my project")
    monkeypatch.delenv("GIT_DIR", raising=False)
    assert (code, complaint) == (0, "")
    assert printed.splitlines()[-1] == "next: cd 'my project', read README.md"
    project = Project(place / "my project")
    assert project.run("git", "status", "--short", "--ignored") == ""
    assert project.run("git", "log", "--format=%s") == "Start with charloom new\n"
    files = project.run("git", "ls-files").splitlines()
    listed = subprocess.check_output(["git", "ls-files"], cwd=TEMPLATE, text=True).splitlines()
    assert files == listed
    for name in {*files} - {"requirements.txt"}:
        assert (project.folder / name).read_bytes() == (TEMPLATE / name).read_bytes()
    assert not (project.folder / "data/moby_dick.txt").is_symlink()
    novel = hashlib.sha256((project.folder / "data/moby_dick.txt").read_bytes()).hexdigest()
    assert novel in (project.folder / "data/README.md").read_text()
    assert sorted(path.name for path in place.iterdir()) == ["my project", "used"]  # no temporary folder


@pytest.mark.parametrize(
    ("origin", "address"),
    [
        ("https://github.com/ann/charloom.git", "https://github.com/ann/charloom.git"),
        ("https://ann:secret@host.invalid:8443/c", "https://host.invalid:8443/c"),
        ("https://secret@host.invalid/c?private_token=secret", "https://host.invalid/c"),
        ("git@host.invalid:ann/charloom.git", "ssh://git@host.invalid/ann/charloom.git"),
        ("ssh://git:secret@host.invalid/c", "ssh://git@host.invalid/c"),
        ("/srv/git/char loom", "file://localhost/srv/git/char%20loom"),
        ("../other", None),  # relative to the clone
    ],
)
def test_requirements_name_the_origin_without_a_login_and_a_commit_that_it_has(place, monkeypatch, origin, address):
    clone = Project(place / "clone")
    clone.folder.mkdir()
    clone.run("git", "init", "-q")
    monkeypatch.setattr(module, "ROOT", clone.folder)
    _, printed, _ = new("new0")
    assert "needs ADDRESS and COMMIT of charloom: fill them in; this clone has no origin" in printed
    commit, address = clone.commit(), address or f"file://localhost{place / 'other'}"
    clone.run("git", "config", "remote.origin.url", origin)
    _, printed, _ = new("new1")
    assert f"needs a COMMIT of {address}: fill it in; {commit[:10]} of this clone is not pushed" in printed
    clone.run("git", "update-ref", "refs/remotes/origin/main", commit)
    clone.run("git", "checkout", "-q", "--detach")
    _, printed, _ = new("new2")
    assert f"installs seedpairs, dvc-proof and rnncheck from {address}\n" in printed
    for folder, expected in (
        ("new0", ("ADDRESS", "COMMIT")), ("new1", (address, "COMMIT")), ("new2", (address, commit)),
    ):  # fmt: skip
        text = (place / folder / "requirements.txt").read_text()
        assert "secret" not in text
        found = re.findall(r"(\S+) @ git\+(\S+)@(\w+)#subdirectory=packages/(\S+)$", text, re.MULTILINE)
        assert found == [(name, *expected, name) for name in ("seedpairs", "dvc-proof", "rnncheck")]
