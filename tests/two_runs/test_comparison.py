"""`charloom compare A B`: the names of runs, what is printed, the page, and every wrong request in a line."""

import json
import re
import shutil
from contextlib import chdir
from pathlib import Path
from statistics import stdev

import pytest
from harmless import Page
from projects import Project, copied, said
from scipy.stats import t

from charloom.core.config.pipeline import CHARLOOM_FOLDER
from charloom.two_runs.comparison import compare_runs
from charloom.two_runs.costs import KINDS, by_kind, half_width
from charloom.two_runs.page import two_runs_page
from charloom.two_runs.seeds import train_last
from charloom.two_runs.sides import read_side

pytestmark = pytest.mark.slow  # the fixture trains a second run
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def project(finished, tmp_path_factory) -> Project:
    """A finished project with a second run: branch `slower`, with another eta and an edit of the code."""
    project = copied(finished, tmp_path_factory.mktemp("two runs") / "project")
    project.run("git", "branch", "first")
    project.edit("params.yaml", "eta: 0.1", "eta: 0.05")
    project.append("src/charloom/core/network/order.py", f"# {HOSTILE}\n")
    project.run("dvc", "repro", "-q", "train")
    project.commit("slower")
    project.run("git", "branch", "slower")
    project.run("git", "update-ref", f"refs/exps/ab/{'c' * 38}/an-experiment", "slower")
    return project


def compared(project, *names, seeds=0, folder=Path()):
    with chdir(project.folder):
        return compare_runs(list(names), seeds, folder)


def test_the_difference_is_that_of_the_metrics_and_the_sum_of_its_parts(project):
    printed = " ".join(said(project, "compare", "first", "slower")[0].split())
    metrics = [json.loads(project.run("git", "show", f"{name}:metrics/train.json")) for name in ("first", "slower")]
    one, other = (own["held_out_bits_per_character"] for own in metrics)
    assert f"B costs {abs(other - one):.3f} bits {'less' if other < one else 'more'}" in printed
    assert "Params that differ: eta is 0.1 in A and 0.05 in B." in printed
    assert "Files of the code that differ: src/charloom/core/network/order.py." in printed
    assert "One seed each, so this can be chance" in printed
    assert "too few seeds have models" in printed
    own = compared(project, "first", "slower")
    assert own.bits == other - one
    for rows in (own.kinds, own.positions):
        assert sum(row.difference for row in rows) == pytest.approx(other - one, abs=1e-9)
        assert {row.half for row in rows} == {None}
    assert HOSTILE in own.patch


def test_a_run_and_itself_are_one_sentence(project):
    printed, _ = said(project, "compare", "workspace", "slower")
    assert "A and B are the same to the last bit: " in " ".join(printed.split())
    assert "chance" not in printed


def test_a_run_is_a_commit_a_branch_an_experiment_head_or_the_working_folder(project):
    commit = project.run("git", "rev-parse", "slower").strip()
    with chdir(project.folder):
        names = ("slower", commit, commit[:9], "an-experiment", "HEAD", "workspace")
        runs = [read_side(name, Path()).run for name in names]
    assert all(run == runs[0] for run in runs)
    assert runs[0].params.eta == 0.05


def test_inputs_that_are_newer_than_the_results_are_named(project, tmp_path):
    project = copied(project, tmp_path / "project")
    project.edit("params.yaml", "eta: 0.05", "eta: 0.9")
    project.append("src/train.py")
    own = compared(project, "first", "workspace")
    assert own.params == [("eta", "0.1", "0.05")]
    assert own.b.newer == ("eta", "src/train.py")
    assert "workspace: newer than its results: eta, src/train.py; `dvc repro` makes the results again." in own.about


def test_seeds_of_both_settings_are_trained_once_and_give_every_part_a_band(project, tmp_path):
    project = copied(project, tmp_path / "project")
    project.run("git", "checkout", "-q", "first", "--", "src")  # one code for both settings
    project.run("dvc", "repro", "-q", "train")
    project.commit("the first code, the second eta")
    refused = said(project, "compare", "slower", "first", "--seeds", "5", code=2)[1]
    assert refused.startswith("--seeds: the code in this folder is not that of slower; run `git switch --detach ")
    _, announced = said(project, "compare", "HEAD", "first", "--seeds", "5", "--page", "x.html")
    for line in ("HEAD: 5 trainings, seeds 2 to 6", "first: 5 trainings, seeds 2 to 6", "made x.html"):
        assert line in announced.splitlines()
    files = {path: path.read_bytes() for path in (project.folder / CHARLOOM_FOLDER / "seeds").iterdir()}
    assert len(files) == 10
    printed, announced = said(project, "compare", "HEAD", "first", "--seeds", "4")
    assert (announced, "(from other seeds: 5 of A’s and 5 of B’s setting)" in " ".join(printed.split())) == ("", True)
    own = compared(project, "HEAD", "first")
    assert own.half
    assert all(row.half for row in (*own.kinds, *own.positions))
    assert f" ± {own.half:.3f} bits " in own.headline
    assert two_runs_page(own) == two_runs_page(compared(project, "HEAD", "first"))
    with chdir(project.folder):
        params, text = own.a.run.params, Path("data/prepared/text.npz")
        assert train_last(params, text, 1) == Path("models/last.npz").read_bytes()
        assert train_last(params.model_copy(update={"seed": 4}), text, None) in files.values()


def test_runs_on_different_texts_or_parts_are_not_comparable_and_the_page_shows_the_rest(project, tmp_path):
    project = copied(project, tmp_path / "project")
    project.edit("params.yaml", "held_out: 0.05", "held_out: 0.1")
    project.run("dvc", "repro", "-q", "train")
    printed, complaint = said(project, "compare", "first", "workspace", "--page", "x.html", code=1)
    assert complaint == "made x.html\nnot comparable: the held-out parts differ\n"
    assert "prepare.held_out is 0.05 in A and 0.1 in B" in " ".join(printed.split())
    page = Page((project.folder / "x.html").read_text(encoding="utf-8"))
    assert {"difference", "along"} <= set(page.ids)
    assert "bits" not in page.ids


def test_a_missing_model_leaves_its_sections_out_with_a_sentence(project, tmp_path):
    project = copied(project, tmp_path / "project")
    shutil.rmtree(project.folder / ".dvc/cache")
    printed, _ = said(project, "compare", "first", "workspace", "--page", "x.html")
    assert "The model of A is neither in this folder nor in DVC’s cache." in " ".join(printed.split())
    assert "bits" not in Page((project.folder / "x.html").read_text(encoding="utf-8")).ids


def test_a_page_escapes_text_and_patch_and_makes_no_request(project):
    own = compared(project, "first", "slower")
    sides = own.a._replace(name=HOSTILE), own.b._replace(name="\u202e\x1b]0;")
    content = two_runs_page(own._replace(a=sides[0], b=sides[1]))
    assert "<script>alert" not in content
    assert "<img" not in content
    assert "\x1b" not in content
    assert "\u202e" not in content
    assert not re.search(r"(?:src|href)=[\"'](?!#|data:)", content)
    assert len(content.encode()) < 900_000
    page = Page(content)
    assert len(page.ids) == len(set(page.ids))
    assert {"difference", "bits", "along"} <= set(page.ids)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("HEAD", "nothing"), "nothing: no such run; allowed is a commit, a branch, a DVC experiment, HEAD, workspace"),
        (("HEAD", ""), "an empty name: no such run"),
        (("HEAD", "a*b[\n"), "a*b[\\n: no such run"),
        (("HEAD", "HEAD:src"), "HEAD:src: no such run"),
        (("HEAD~1..HEAD", "HEAD"), "HEAD~1..HEAD: no such run"),
        (("HEAD", "^HEAD~1"), "^HEAD~1: no such run"),
        (("HEAD", "first", "--page", "none/x.html"), "--page: none: no such folder"),
        (("HEAD", "first", "slower"), "slower: too many runs; allowed are two, or one study"),
        (("HEAD", "first", "--page", "x.svg"), "--page: x.svg is not allowed; allowed is a name that ends in .html"),
        (("HEAD", "first", "--seeds", "0"), "--seeds: 0 is not allowed"),
        (("HEAD", "first", "--seeds", "41"), "--seeds: 41 is not allowed; allowed is a whole number from 1 to 40"),
        (("HEAD", "first", "--format", "latex"), "--format: not allowed with two runs, HEAD and first"),
        (("HEAD", "first", "--require", "better"), "--require: not allowed with two runs, HEAD and first"),
        (("--page", "x.html"), "--page: needs two runs"),
        (("studies/x", "--seeds", "5"), "--seeds: needs two runs"),
    ],
)
def test_a_wrong_request_is_named_in_a_line(project, arguments, line):
    printed, complaint = said(project, "compare", *arguments, code=2)
    assert (printed, complaint.count("\n")) == ("", 1)
    assert complaint.startswith(line)


def test_of_two_experiments_of_one_name_that_on_head_is_meant(project, tmp_path):
    project = copied(project, tmp_path / "project")
    head = project.run("git", "rev-parse", "HEAD").strip()
    for base, target in (("0" * 40, "first"), (head, "slower"), ("f" * 40, "first")):
        project.run("git", "update-ref", f"refs/exps/{base[:2]}/{base[2:]}/twice", target)
    assert compared(project, "first", "twice").b.commit == head
    project.run("git", "update-ref", "-d", f"refs/exps/{head[:2]}/{head[2:]}/twice")
    complaint = said(project, "compare", "first", "twice", code=2)[1]
    assert complaint == "twice: 2 DVC experiments, none on HEAD; their commits are allowed\n"


def test_a_band_is_students_for_the_difference_of_two_runs_and_needs_five_seeds_of_each():
    a, b = [2.8, 2.9, 2.7, 2.85, 2.75], [2.6, 2.61, 2.62, 2.59, 2.6, 2.63]
    expected = t.ppf(0.975, 4) * (stdev(a) ** 2 + stdev(b) ** 2) ** 0.5
    assert half_width((a, b)) == pytest.approx(expected)
    assert half_width((a, b), 10) == pytest.approx(expected / t.ppf(0.975, 4) * t.ppf(0.9975, 4))
    assert half_width((a[:4], b)) is None


def test_the_kinds_of_characters_are_those_of_their_places_in_words():
    kinds = [KINDS[kind] for kind in by_kind("x Ab c1\n—é")]
    assert kinds == [
        "space", "capital letter", "second letter", "space", "first letter of a word", "digit", "line break",
        "punctuation and others", "first letter of a word",
    ]  # fmt: skip
