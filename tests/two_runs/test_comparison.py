"""`charloom compare A B`: the names of runs, what is printed, the page, and every wrong request in a line."""

import json
import re
import shutil
from contextlib import chdir
from pathlib import Path

import pytest
from harmless import Page
from projects import Project, copied, said

from charloom.core.config.pipeline import CHARLOOM_FOLDER
from charloom.core.network.logarithm import LN2
from charloom.results.dvc_lock import md5
from charloom.two_runs.comparison import compare_runs
from charloom.two_runs.page import two_runs_page
from charloom.two_runs.seeds import models_at_hand, train_last
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


def test_the_difference_is_that_of_the_metrics_and_is_the_sum_of_each_list_of_bars(project):
    printed, _ = said(project, "compare", "first", "slower")
    metrics = [json.loads(project.run("git", "show", f"{name}:metrics/train.json")) for name in ("first", "slower")]
    one, other = (own["held_out_bits_per_character"] for own in metrics)
    assert f"B costs {abs(other - one):.3f} bits {'less' if other < one else 'more'}" in printed
    assert "Params that differ: eta is 0.1 in A and 0.05 in B." in " ".join(printed.split())
    assert "The code of the training differs: src/charloom/core." in " ".join(printed.split())
    assert "One seed each, so this can be chance" in printed
    values = json.loads(said(project, "compare", "first", "slower", "--format", "json")[0])
    assert values["bits"] == other - one
    for rows in values["reading"]["shares"].values():
        assert sum(row["difference"] for row in rows) == pytest.approx(other - one, abs=1e-9)
        assert {row["half"] for row in rows} == {None}
    assert HOSTILE in values["patch"]
    assert values["differs_at"]["loss"] == 1


def test_the_costs_of_a_model_are_those_of_charloom_score_to_the_last_bit(project, tmp_path):
    values = json.loads(said(project, "compare", "workspace", "first", "--format", "json")[0])
    (tmp_path / "text.txt").write_text(values["reading"]["text"], encoding="utf-8")
    printed, _ = said(project, "score", str(tmp_path / "text.txt"), "--model", "models/last.npz", "--top", "999999")
    whole = re.search(r"in full +(\S+)", printed)[1]
    assert float(whole) == values["a"]["run"]["metrics"]["held_out_bits_per_character"]
    own = compared(project, "workspace", "first")
    nats = own.reading.bits[0] * LN2
    assert nats.sum() / len(nats) / LN2 == pytest.approx(float(whole), abs=1e-12)
    scores = re.findall(r"^ *([0-9.]+) +\d+ +\d+  ", printed, re.MULTILINE)
    assert scores == [f"{bits:.3f}" for bits in sorted(own.reading.bits[0], reverse=True)]


def test_a_run_is_a_commit_a_branch_an_experiment_head_or_the_working_folder(project):
    commit = project.run("git", "rev-parse", "slower").strip()
    with chdir(project.folder):
        names = ("slower", commit, commit[:9], "an-experiment", "HEAD", "workspace")
        runs = [read_side(name, Path()).run for name in names]
    assert all(run == runs[0] for run in runs)
    assert runs[0].params.eta == 0.05


def test_the_params_of_the_working_folder_are_those_of_its_training(project, tmp_path):
    project = copied(project, tmp_path / "project")
    project.edit("params.yaml", "eta: 0.05", "eta: 0.9")
    assert compared(project, "first", "workspace").params == [("eta", "0.1", "0.05")]


def test_seeds_are_trained_once_to_the_bytes_of_the_pipeline_and_give_every_bar_an_interval(project, tmp_path):
    project = copied(project, tmp_path / "project")
    _, announced = said(project, "compare", "slower", "first", "--seeds", "5")
    assert announced.startswith("5 trainings of A’s setting, seeds 2 to 6: about ")
    files = {path: path.read_bytes() for path in (project.folder / CHARLOOM_FOLDER / "seeds").iterdir()}
    assert len(files) == 5
    printed, announced = said(project, "compare", "slower", "first", "--seeds", "4")
    assert (announced, "from 5 other seeds" in printed) == ("", True)
    own = compared(project, "slower", "first")
    assert all(row.half is not None for rows in own.reading.shares.values() for row in rows)
    assert own.reading.seeds == [2, 3, 4, 5, 6]
    page = two_runs_page(own)
    assert page == two_runs_page(compared(project, "slower", "first"))
    assert "can be chance" in page
    with chdir(project.folder):
        params, text = own.a.run.params, Path("data/prepared/text.npz")
        assert train_last(params, text, 1) == Path("models/last.npz").read_bytes()
        assert train_last(params.model_copy(update={"seed": 4}), text, None) in files.values()


def test_seeds_of_a_run_that_the_code_here_does_not_reproduce_are_refused(project, tmp_path):
    project = copied(project, tmp_path / "project")
    said(project, "compare", "first", "slower", "--seeds", "1")  # an edit of a comment changes no model
    shutil.rmtree(project.folder / CHARLOOM_FOLDER / "seeds")
    with chdir(project.folder):
        last, other = (md5(path) for path in (Path("models/last.npz"), min(Path("models/checkpoints").iterdir())))
    project.edit("dvc.lock", last, other)
    project.commit("an output that nobody trained")
    project.append("src/charloom/core/network/order.py")
    _, complaint = said(project, "compare", "HEAD", "first", "--seeds", "1", code=2)
    assert complaint.splitlines()[-1].startswith("--seeds: the code in this folder trains another model than that of A")
    assert not (project.folder / CHARLOOM_FOLDER / "seeds").exists() or not any(
        (project.folder / CHARLOOM_FOLDER / "seeds").iterdir()
    )


def test_runs_on_different_texts_or_parts_are_not_comparable_and_the_page_shows_the_rest(project, tmp_path):
    project = copied(project, tmp_path / "project")
    project.edit("params.yaml", "held_out: 0.05", "held_out: 0.1")
    project.run("dvc", "repro", "-q", "train")
    printed, complaint = said(project, "compare", "first", "workspace", "--page", "x.html", code=1)
    assert complaint == "not comparable: the held-out parts differ\n"
    assert "prepare.held_out is 0.05 in A and 0.1 in B" in " ".join(printed.split())
    page = Page((project.folder / "x.html").read_text(encoding="utf-8"))
    assert {"difference", "along"} <= set(page.ids)
    assert not {"bits", "passages", "words", "fork"} & set(page.ids)


def test_a_missing_model_leaves_its_sections_out_with_a_sentence(project, tmp_path):
    project = copied(project, tmp_path / "project")
    shutil.rmtree(project.folder / ".dvc/cache")
    printed, _ = said(project, "compare", "first", "workspace", "--page", "x.html")
    assert "The model of A is neither in this folder nor in DVC’s cache." in " ".join(printed.split())
    assert "bits" not in Page((project.folder / "x.html").read_text(encoding="utf-8")).ids


def test_a_page_escapes_text_and_patch_and_makes_no_request(project):
    own = compared(project, "first", "slower")
    reading = own.reading._replace(text=(HOSTILE * 99)[: len(own.reading.text)])
    sides = own.a._replace(name=HOSTILE), own.b._replace(name="\u202e\x1b]0;")
    content = two_runs_page(own._replace(a=sides[0], b=sides[1], reading=reading))
    assert "<script>alert" not in content
    assert "<img" not in content
    assert "\x1b" not in content
    assert "\u202e" not in content
    assert not re.search(r"(?:src|href)=[\"'](?!#|data:)", content)
    assert len(content.encode()) < 900_000
    page = Page(content)
    assert len(page.ids) == len(set(page.ids))
    assert {"difference", "bits", "passages", "words", "along", "fork"} <= set(page.ids)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("HEAD", "nothing"), "nothing: no such run; allowed is a commit, a branch, a DVC experiment, HEAD, workspace"),
        (("HEAD", ""), "an empty name: no such run"),
        (("HEAD", "a*b[\n"), "a*b[\\n: no such run"),
        (("HEAD", "HEAD:src"), "HEAD:src: no such run"),
        (("HEAD", "first", "slower"), "slower: too many runs; allowed are two, or one study"),
        (("HEAD", "first", "--page", "x.svg"), "--page: x.svg is not allowed; allowed is a name that ends in .html"),
        (("HEAD", "first", "--seeds", "0"), "--seeds: 0 is not allowed"),
        (("HEAD", "first", "--seeds", "41"), "--seeds: 41 is not allowed; allowed is a whole number from 1 to 40"),
        (("HEAD", "first", "--format", "latex"), "--format: latex is not allowed with two runs; allowed is json"),
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


def test_an_experiment_on_another_text_is_no_further_seed(project, tmp_path):
    project = copied(project, tmp_path / "project")
    for number, text in enumerate(("", "Another text. " * 9)):
        project.run("git", "checkout", "-q", "--detach", "slower")
        project.set(seed=2 + number)
        project.append("data/fox.txt", text)
        project.run("dvc", "repro", "-q", "train")
        project.run("git", "update-ref", f"refs/exps/ab/{'c' * 38}/seed{number}", project.commit())
    with chdir(project.folder):
        a, b = (read_side(name, Path()) for name in ("slower", "first"))
        assert models_at_hand(a, b).keys() == {2}
