"""What the summary of a pull request says of any DVC project, and that nothing in it acts."""

import json
import os
import re
from contextlib import chdir
from html.parser import HTMLParser

import pytest
from repositories import NAMED, Repository

from dvc_proof.facts import dvc, facts_of
from dvc_proof.git import Refused, git_output
from dvc_proof.lock import stages_of

HOSTILE = (
    "|`*a*_b_~~c~~<img src=x onerror=alert(1)>[e](//f)@team</code></table><script>\n\n# g\n\n```\n\u202e\x07&lt;b&gt;"
)
OURS = set("ul li b p sub table tr th td code details summary h3".split())  # noqa: SIM905  a set of quoted names is longer
PIPELINE = """\
stages:
  words:
    cmd: cp text.txt words.txt
    deps: [text.txt]
    outs: [words.txt: {cache: false}]
  curve:
    cmd: python curve.py
    deps: [curve.py, words.txt]
    params: [rate, note]
    metrics: [metrics.json: {cache: false}, none.json: {cache: false}]
    plots: [curve.csv: {cache: false, x: step}]
"""
CURVE = """\
import json
from ruamel.yaml import YAML
params = YAML(typ="safe").load(open("params.yaml"))
words = open("words.txt").read()
json.dump({"loss": params["rate"] * len(words), params["note"]: 1 + params["rate"]}, open("metrics.json", "w"))
json.dump({"undefined": float("nan")}, open("none.json", "w"))
open("curve.csv", "w").write(f"step,loss\\n0,{params['rate']}\\n")
"""


class Harmless(HTMLParser):
    """Refuse tags that are not ours, and text of others outside <code>."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(page)
        assert not self.open
        assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e]", page)

    def handle_starttag(self, tag, attributes):
        assert tag in OURS
        assert {name for name, _ in attributes} <= {"valign", "colspan", "open"}
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        assert "code" in self.open or not re.search(r"alert|@\w|://", data)


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Repository:
    """A project of two stages that has run, and was committed; its names try to act."""
    project = Repository(tmp_path_factory.mktemp("base") / "project")
    project.folder.mkdir()
    project.run("git", "init", "-q", "-b", "main")
    project.run("dvc", "init", "-q")
    project.write(dvc__yaml=PIPELINE, curve__py=CURVE, text__txt="some words")
    project.write(params__yaml=f"rate: 1.0\nnote: {json.dumps(HOSTILE)}\n")
    project.run("dvc", "repro", "-q")
    project.commit()
    project.run("git", "checkout", "-q", "--orphan", "apart")
    project.run("git", *NAMED, "commit", "-q", "-m", "apart")
    project.run("git", "checkout", "-q", "main")
    return project


@pytest.fixture
def branch(base, tmp_path) -> Repository:
    """A copy of it, on a branch."""
    project = base.copied(tmp_path / "branch")
    project.run("git", "checkout", "-q", "-b", "change")
    return project


def summarised(project: Repository) -> str:
    summary = project.proof("summary", "--base", "main")
    Harmless(summary)
    return summary


@pytest.mark.slow
def test_summary_names_changed_params_stale_code_and_edited_results_and_escapes_all(branch):
    name = HOSTILE.replace("/", "-")
    branch.write(params__yaml=f"rate: 2.0\nnote: {json.dumps('other ' + HOSTILE)}\n")
    (branch.folder / name).write_text("a file\n")
    branch.run("dvc", "repro", "-q")
    branch.commit()
    said = summarised(branch)
    assert "<code>curve</code> is the first with other outputs, because of <code>note</code>, <code>rate</code>" in said
    assert "<td><code>rate</code></td><td><code>1.0</code></td><td><code>2.0</code></td>" in said
    assert "<td><code>loss</code></td><td><code>10</code></td><td><code>20</code></td><td><code>+10</code></td>" in said
    assert "<p>Plots that have changed: <code>curve.csv</code>.</p>" in said
    assert "nan" not in said.lower().replace("not deterministic", "")
    assert '<tr valign="top"><td><code>words</code></td><td>the same bits</td><td>the same inputs</td></tr>' in said
    branch.write(curve__py=CURVE + "# no more\n")
    branch.edit("metrics.json", "20.0", "9.0")
    branch.commit()
    said = summarised(branch)
    assert "from <code>dvc.lock</code>: <code>curve</code>: <code>curve.py</code>, <code>metrics.json</code>." in said
    assert ", 2 files.</li>" in said
    assert "<td><code>curve.py</code></td><td><code>curve</code></td>" in said


def nested(first: str, line: str) -> str:
    """Return ten lines in which each names the one before nine times; `line` has places for both."""
    return "\n".join([first, *(line.format(n=n, before=", ".join([f"*{n - 1}"] * 9)) for n in range(1, 10))])


@pytest.mark.parametrize(("lock", "reason"), [
    ("stages: [", "is not in DVC's format"),
    ("stages: {a: {outs: [{}]}}", "is not in DVC's format"),
    (nested("k0: &0 {a: 1}", "k{n}: &{n} {{<<: [{before}], a{n}: 1}}"), "is not in DVC's format"),
    (nested("- &0 x", "- &{n} [{before}]"), "more than 1,000,000 values"),
    ("stages: {a: {cmd: c, deps: [{path: x}], outs: [{path: y}]}, b: {cmd: c, deps: [{path: y}], outs: [{path: x}]}}",
     "stages in a cycle: "),
])  # fmt: skip
def test_a_lock_file_that_is_none_or_would_fill_the_memory_is_refused_at_once(lock, reason):
    with pytest.raises(Refused, match=reason):
        stages_of({"dvc.lock": lock})


@pytest.mark.slow
def test_aliases_of_a_branch_do_not_fill_the_memory_through_dvc(branch):
    branch.write(params__yaml=f"rate: 1.0\nnote: x\n{nested('k0: &0 x', 'k{n}: &{n} [{before}]')}")
    branch.commit()
    with chdir(branch.folder):
        printed, complaint = dvc(("params", "diff", "--json", "main", "HEAD"), memory="300000")
    assert (printed, complaint[:12]) == ({}, "dvc params: ")


@pytest.mark.slow
def test_a_dvc_yaml_without_stages_or_without_an_end_is_no_traceback(branch):
    branch.write(other_in_dvc__yaml="plots: [x.csv]\n", other_in_x__csv="a\n1\n", third_in_dvc__yaml="stages: [\n")
    branch.commit()
    said = summarised(branch)
    assert "<p>Plots that have changed: <code>other/x.csv</code>.</p>" in said
    assert "Not known: <code>dvc " in said


@pytest.mark.slow
def test_dvc_and_git_get_a_time_that_is_limited(branch, monkeypatch, tmp_path):
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    with chdir(branch.folder):
        assert dvc(("metrics", "show", "--json"), 0.1) == ({}, "dvc metrics: no answer within 0.1 s")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(Refused, match=r"git: no answer within 0\.1 s"):
        git_output("status", seconds=0.1)


@pytest.mark.parametrize(("arguments", "line"), [
    (("--base", "no-branch"), "--base: no commit no-branch here; "),
    (("--base", "--upload-pack=x"), "--base: "),
    (("--base", "apart"), "--base: apart and HEAD have no commit in common; "),
])  # fmt: skip
def test_wrong_input_gets_a_line(base, arguments, line):
    printed = base.proof("summary", "=".join(arguments), expect=2)
    assert printed.count("\n") == 1
    assert printed.startswith(line)


def test_outside_a_dvc_repository_it_says_so(tmp_path, monkeypatch):
    project = Repository(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Refused, match="git: fatal: not a git repository"):
        facts_of("main")
    for command in ("git init -q", "git -c user.name=t -c user.email=t commit -q -m x --allow-empty"):
        project.run(*command.split())
    with pytest.raises(Refused, match=r"HEAD has no dvc\.yaml"):
        facts_of("HEAD")


@pytest.mark.slow
def test_the_modules_of_before_are_the_commands(branch):
    assert branch.run("python", "-P", "-m", "dvc_summary", "--base", "main") == branch.proof(
        "summary", "--base", "main"
    )
    assert "--twice" in branch.run("python", "-P", "-m", "dvc_verify", "--help")
