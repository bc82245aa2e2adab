"""A commit whose dvc.lock is of something else than it holds is told so, before anything is run."""

import hashlib
import re
import shutil

import pytest
from projects import copied, said

from charloom.base.errors import CheckFailed
from charloom.proof.meaning import committed_files, contradictions, rows_of
from charloom.settings.pipeline import Project as Folder


@pytest.fixture(scope="module")
def scratch(finished, tmp_path_factory):
    return copied(finished, tmp_path_factory.mktemp("scratch") / "project")


@pytest.fixture
def clone(scratch):
    """One copy of the finished project for all that edit files and commit nothing: Git puts them back."""
    yield scratch
    scratch.run("git", "checkout", "-q", ".")
    scratch.run("git", "clean", "-q", "-d", "--force")


def told(project):
    with committed_files():
        return [row.what for row in rows_of(contradictions(Folder(project.folder), results=True))]


def test_a_finished_run_contradicts_itself_in_nothing(finished):
    assert told(finished) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("params.yaml", "eta: 0.1", "eta: 0.2", "dvc.lock was made with eta 0.1, params.yaml has 0.2"),
        ("data/fox.txt", "lazy", "busy", "dvc.lock was made with another text: data/fox.txt (stages: prepare)"),
        (
            "src/charloom/pages/sections.py", '"""', '"""Again. ',
            "dvc.lock was made with another source: src/charloom/pages (stages: plot)",
        ),
        ("dvc.yaml", "python src/sample.py", "python -O src/sample.py",
         "dvc.lock was made with another command: python src/sample.py (stages: sample)"),
        ("metrics/train.json", '"updates": 400', '"updates": 401',
         "dvc.lock has the hash of another metrics/train.json than the committed one (stages: train)"),
        ("dvc.lock", "eta: 0.1", "theta: 0.1", "dvc.lock was made with eta None, params.yaml has 0.1"),
        ("dvc.lock", "\n  plot:", "\n  draw:", "dvc.lock has no stage plot (stages: plot)"),
        ("dvc.lock", "path: src/sample.py", "path: src/other.py",
         "dvc.lock has no hash of the input src/sample.py (stages: sample)"),
        ("dvc.yaml", "      - metrics/sample.json: {cache: false}\n", "",
         "dvc.lock has metrics/sample.json, which dvc.yaml does not name: it was not rebuilt (stages: sample)"),
    ],
)  # fmt: skip
def test_what_the_lock_is_of_is_said_beside_what_is_committed(clone, name, old, new, expected):
    clone.edit(name, old, new)
    assert any(each.startswith(expected) for each in told(clone))


def test_a_text_that_git_does_not_know_and_a_result_that_is_not_committed_are_named(clone):
    (clone.folder / "metrics/train.json").rename(clone.folder / "metrics/trained.json")
    assert told(clone) == ["metrics/train.json is not committed, and dvc.lock has its hash (stages: train)"]
    (clone.folder / "data/fox.txt").unlink()
    assert told(clone)[0] == "data/fox.txt is not in Git, so nobody else has it (stages: prepare)"
    (clone.folder / "data/fox.txt.dvc").write_text("")
    assert told(clone)[0].startswith("data/fox.txt is in DVC, and neither the cache here nor a remote has it; ")


@pytest.mark.slow
def test_a_text_that_dvc_cannot_give_is_named_with_dvcs_own_reason(project):
    project.run("git", "rm", "-q", "--cached", "data/fox.txt")
    project.run("dvc", "add", "-q", "data/fox.txt")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-q", "-m", "DVC has the text")
    shutil.rmtree(project.folder / ".dvc/cache/files")
    printed, complaint = said(project, "verify", "--quick", code=1)
    assert "cause  data/fox.txt is in DVC, and neither the cache here nor a remote has it; " in printed
    assert complaint.startswith("warning: data/fox.txt: dvc get: ERROR: ")


@pytest.mark.slow
def test_a_param_that_is_named_by_itself_is_compared_by_itself(clone):
    clone.edit("dvc.yaml", "seed, optimizer, train]", "seed, optimizer, train.updates]")
    assert "dvc.lock was made with train.clip 5.0, params.yaml has None (stages: train)" in told(clone)
    lock = clone.folder / "dvc.lock"
    before, stage, rest = lock.read_text().partition("\n  train:\n")
    rest = re.sub(r"        train:\n(?: {10}.*\n)+", "        train.updates: 400\n", rest, count=1)
    lock.write_text(f"{before}{stage}{rest}")
    assert told(clone) == []
    clone.edit("params.yaml", "updates: 400", "updates: 401")
    assert told(clone) == [
        "dvc.lock was made with train.updates 400, params.yaml has 401 (stages: prepare, train, plot)"
    ]


def test_a_stage_that_used_another_file_than_was_made_is_named(clone):
    lock = (clone.folder / "dvc.lock").read_text()
    made = lock.index("- path: models/best.npz", lock.index("  train:"))
    (clone.folder / "dvc.lock").write_text(lock[:made] + lock[made:].replace("md5: ", "md5: 0", 1))
    expected = "dvc.lock has two hashes of models/best.npz: one as output, another as input (stages: sample, plot)"
    assert told(clone) == [expected]


MERGED = "stages:\n<<<<<<< HEAD\n  a: {}\n=======\n>>>>>>> other\n"
NO_LOCK, NO_PIPELINE = "dvc.lock: not what DVC writes$", "dvc.yaml: "


@pytest.mark.parametrize(
    ("name", "contents", "line"),
    [
        ("dvc.lock", ["", "stages: [", "stages: {train: 3}", "stages: {train: {deps: []}}", "[]", "\0"], NO_LOCK),
        ("dvc.lock", [MERGED], "dvc.lock: a merge was committed with its conflict markers; "),
        ("dvc.lock", [None], "dvc.lock: not in HEAD; "),
        ("dvc.yaml", ["stages: [\n", "", "stages: {train: {outs: [{}]}}"], NO_PIPELINE),
        ("dvc.yaml", [None], "dvc.yaml: not in this folder"),
    ],
)
def test_a_lock_or_a_pipeline_that_is_none_is_a_line(clone, name, contents, line):
    for content in contents:
        (clone.folder / name).write_text(content) if content is not None else (clone.folder / name).unlink()
        with pytest.raises(CheckFailed, match=f"^first difference: prepare: {line}"):
            told(clone)


@pytest.mark.slow
def test_quick_makes_the_first_updates_again_and_names_the_one_that_parts(project):
    lock, signature = project.folder / "dvc.lock", project.folder / "signature.json"
    project.edit("signature.json", '"exp": "', '"exp": "0')  # a probe explains a difference, and is none
    digest = hashlib.md5(signature.read_bytes(), usedforsecurity=False).hexdigest()
    lock.write_text(re.sub(r"(path: signature.json\n +hash: md5\n +md5: )\w+", rf"\g<1>{digest}", lock.read_text()))
    project.run("git", "commit", "-q", "-a", "-m", "a probe of another machine")
    project.edit("src/track.py", '"""', '"""Not committed. ')
    printed, _ = said(project, "verify", "--quick")
    assert printed.splitlines()[-1] == "same"
    assert "uncommitted changes: the signature and the first updates use src/ of this folder" in printed
    project.run("git", "checkout", "-q", "src")
    assert "same  train: plots/first_losses.csv\n" in printed
    losses = (project.folder / "plots/first_losses.csv").read_text().splitlines()
    project.edit("plots/first_losses.csv", losses[8], f"{losses[8]}e1")
    hostile = '      - "plots/x\\n\\e[31m.csv": {cache: false}\n'  # as YAML writes controls
    project.edit("dvc.yaml", "      - plots/held_out.csv", f"{hostile}      - plots/held_out.csv")
    (project.folder / "plots/measures.csv").unlink()
    project.run("git", "commit", "-q", "-a", "-m", "a changed curve")
    printed, complaint = said(project, "verify", "--quick", code=1)
    assert "DIFFERENT  train: plots/first_losses.csv: update 7: loss: committed " in printed
    assert "DIFFERENT  train: plots/measures.csv: it is not committed" in printed
    assert "cause  dvc.lock has no hash of plots/x\\n\\x1b[31m.csv (stages: train)\n" in printed
    assert complaint == "first difference: train: plots/first_losses.csv\n"
