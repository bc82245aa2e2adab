"""Honest projects of every shape are the same: none is accused."""

import re
import shutil
from pathlib import Path

import pytest
from repositories import Repository, made

SHAPES = """\
stages:
  up:
    cmd: tr a-z A-Z < data/raw.txt > up.txt
    deps: [data/raw.txt]
    outs: [up.txt]
  each:
    foreach: [a, b]
    do:
      cmd: cp up.txt ${item}.txt
      deps: [up.txt]
      outs:
        - ${item}.txt:
            cache: false
  grid:
    matrix:
      x: [1, 2]
      y: [u, v]
    cmd: mkdir -p grid/${item.x}${item.y} && echo ${item.x}${item.y} > grid/${item.x}${item.y}/g.txt
    outs:
      - grid/${item.x}${item.y}
  elsewhere:
    wdir: sub
    cmd: awk '{print NR, $0}' ../up.txt > numbered.txt
    deps: [../up.txt]
    outs: [numbered.txt]
"""
GET_STARTED = """\
stages:
  prepare:
    cmd: mkdir -p data/prepared && head -n 3 data/data.xml > data/prepared/train.tsv
    deps: [data/data.xml]
    params: [prepare.seed, prepare.split]
    outs: [data/prepared]
  featurize:
    cmd: mkdir -p data/features && tr a-z A-Z < data/prepared/train.tsv > data/features/train.pkl
    deps: [data/prepared]
    params: [featurize.max_features]
    outs: [data/features]
  train:
    cmd: sha256sum < data/features/train.pkl > model.pkl
    deps: [data/features]
    params: [train.n_est]
    outs: [model.pkl]
  evaluate:
    cmd:
      - mkdir -p eval/plots
      - echo '{"avg_prec":0.5}' > eval/metrics.json
      - printf 'fpr,tpr\\n0,1\\n' > eval/plots/roc.csv
    deps: [data/features, model.pkl]
    outs:
      - eval/metrics.json: {cache: false}
      - eval/plots: {cache: false}
metrics: [eval/metrics.json]
plots:
  - ROC: {template: simple, x: fpr, y: {eval/plots/roc.csv: tpr}}
  - eval/plots/roc.csv
"""
INNER = """\
stages:
  inner:
    cmd: perl -pe 's/1/one/' numbered.txt > inner.txt
    deps: [numbered.txt]
    params: [settings.yaml: [rate]]
    metrics: [inner.txt: {cache: false}]
"""


LIVE = """\
stages:
  train:
    cmd: python live.py
    deps: [live.py]
    outs: [model.txt]
metrics: [live/metrics.json, never.json]
plots: [live/plots]
artifacts:
  numbers: {path: data/table.csv, type: dataset}
  model: {path: model.txt, type: model}
"""
LIVE_CODE = """\
import pathlib, subprocess
def git(*command):
    return subprocess.run(["git", *command], capture_output=True, text=True, check=True).stdout.strip()
head = git("rev-parse", "HEAD")  # as DVCLive does: it needs a commit
branch = git("symbolic-ref", "--short", "HEAD")
names = subprocess.run(["git", "config", "user.name"], capture_output=True, text=True).stdout.strip()
assert git("rev-list", "--count", "HEAD") == "1" or pathlib.Path("data/table.csv").exists()
pathlib.Path("live/plots").mkdir(parents=True, exist_ok=True)
pathlib.Path("live/plots/loss.tsv").write_text("step\\tloss\\n0\\t1\\n")
pathlib.Path("live/metrics.json").write_text('{"loss": NaN}\\n')
pathlib.Path("model.txt").write_text(f"{branch} {names}\\n")
"""


def tree(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and ".dvc/tmp" not in str(path)}


@pytest.mark.slow
def test_an_untouched_commit_is_the_same_and_nothing_is_written(project, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (project.folder / "table.csv").unlink()
    before = tree(project.folder)
    lines = project.proof("verify").splitlines()
    commit = project.run("git", "rev-parse", "HEAD")[:8]
    assert lines[1] == f"running the commands of 3 stages of ann's commit {commit}, as your user"
    assert {"same  data, not rebuilt: table.csv", "same  words: words.txt", "same  split: parts"} <= {*lines}
    assert lines[-1] == "4 same, 0 different, 0 not verified"
    assert tree(project.folder) == before
    assert not [*tmp_path.glob("dvc-proof-*")]
    found = project.proof("verify", "--json")
    assert '"verdict": "same"' in found
    assert '"last": "4 same, 0 different, 0 not verified"' in found


@pytest.mark.slow
def test_verify_rebuilds_every_form_of_stage_with_data_from_a_relative_remote(tmp_path):
    files = {"dvc.yaml": SHAPES, "sub/dvc.yaml": INNER, "sub/settings.yaml": "rate: 1\n", "data/raw.txt": "one\ntwo\n"}
    project = made(tmp_path / "project", files, "data/raw.txt")
    project.run("dvc", "remote", "add", "-q", "-d", "shared", "../remote")
    project.run("dvc", "push", "-q")
    project.commit()
    project.run("git", "clone", "-q", str(project.folder), str(tmp_path / "clone"))
    lines = Repository(tmp_path / "clone").proof("verify").splitlines()  # data from the remote alone
    expected = ["data, not rebuilt: data/raw.txt", "each@b: b.txt", "grid@2-v: grid/2v", "elsewhere: sub/numbered.txt"]
    assert {f"same  {row}" for row in [*expected, "sub/dvc.yaml:inner: sub/inner.txt"]} <= set(lines)
    assert lines[-1] == "10 same, 0 different, 0 not verified"


@pytest.mark.slow
def test_a_rebuilt_stage_sees_one_commit_the_branch_and_the_users_name(tmp_path):
    """The shape of DVCLive: files that no stage declares, a dataset artifact that a .dvc file tracks, NaN."""
    project = made(tmp_path / "project", {"dvc.yaml": "stages: {}\n", "data/table.csv": "1\n"}, "data/table.csv")
    project.run("git", "checkout", "-q", "-b", "a/branch")
    project.run("git", "config", "user.name", "Bo")
    project.write(dvc__yaml=LIVE, live__py=LIVE_CODE)
    project.run("dvc", "repro", "-q")
    project.commit()
    (project.folder / "data/table.csv").unlink()  # so the stage wants one commit
    lines = project.proof("verify").splitlines()
    rows = [
        "train: model.txt",
        "dvc.yaml: live/metrics.json",
        "dvc.yaml: live/plots",
        "data, not rebuilt: data/table.csv",
    ]
    assert {f"same  {row}" for row in rows} <= {*lines}
    assert lines[-1].endswith(" 0 different, 0 not verified")


@pytest.mark.slow
def test_a_lock_of_dvc_2_with_the_line_ends_of_windows(tmp_path):
    """DVC 2 hashed texts with the line ends of Unix, and wrote no `hash: md5`."""
    windows = "stages:\n  copy:\n    cmd: cp data.csv out.txt\n    deps: [data.csv]\n    outs: [out.txt]\n"
    project = made(tmp_path / "project", {"dvc.yaml": windows, "data.csv": "a\r\nb\r\n"}, "data.csv")
    for name, paths in (("dvc.lock", ("data.csv", "out.txt")), ("data.csv.dvc", ("data.csv",))):
        for path in paths:
            project.relock(path, b"a\nb\n", name)
        text = (project.folder / name).read_text().replace("size: 4", "size: 6")
        (project.folder / name).write_text(re.sub(r" +hash: md5\n", "", text))
    project.run("git", "add", "-f", "data.csv")
    project.write(__gitignore="out.txt\n")
    project.commit()
    assert project.proof("verify").endswith("\n2 same, 0 different, 0 not verified\n")


@pytest.mark.slow
def test_a_project_below_the_repositorys_top_with_an_import_and_a_submodule(tmp_path, small):
    top = Repository(tmp_path)
    top.run("git", "init", "-q", "-b", "main")
    project = Repository(tmp_path / "models/project")
    project.folder.mkdir(parents=True)
    project.run("dvc", "init", "-q", "--subdir")
    project.run("dvc", "import", "-q", str(small.folder), "words.txt", "-o", "theirs.txt")
    copy = "stages:\n  copy:\n    cmd: cat theirs.txt ../shared.txt > mine.txt\n"
    copy += "    deps: [theirs.txt, ../shared.txt]\n    outs: [mine.txt]\n"
    project.write(dvc__yaml=copy)
    top.write(models_in_shared__txt="shared\n")
    project.run("dvc", "repro", "-q")
    top.commit()
    top.run(
        "git", "-c", "protocol.file.allow=always", "submodule", "-q", "add", str(small.folder), "models/project/part"
    )
    top.commit()
    (project.folder / "theirs.txt").unlink()
    assert {"same  data, not rebuilt: theirs.txt", "same  copy: mine.txt"} <= {*project.proof("verify").splitlines()}


@pytest.mark.slow
def test_the_shape_of_dvcs_own_example(tmp_path, small):
    """Imported data in the cache, nested params, folders between stages, metrics and plots at the top of dvc.yaml."""
    params = "prepare: {split: 0.2, seed: 1}\nfeaturize: {max_features: 2}\ntrain: {n_est: 5}\n"
    project = made(tmp_path / "project", {"params.yaml": params, "data/x": ""})
    source = small.copied(tmp_path / "source").folder
    project.run("dvc", "import", "-q", str(source), "words.txt", "-o", "data/data.xml")
    project.write(dvc__yaml=GET_STARTED + "artifacts: {data: {path: data/data.xml, type: dataset}}\n")
    project.run("dvc", "repro", "-q")
    project.commit()
    shutil.rmtree(source)
    (project.folder / "data/data.xml").unlink()
    rows = ["prepare: data/prepared", "train: model.pkl", "evaluate: eval/metrics.json", "evaluate: eval/plots"]
    lines = project.proof("verify").splitlines()
    assert {f"same  {row}" for row in [*rows, "data, not rebuilt: data/data.xml"]} <= {*lines}
    assert lines[-1] == "5 same, 0 different, 0 not verified"


@pytest.mark.slow
def test_data_files_may_have_any_names_and_a_hook_keeps_its_repository(project):
    project.write(modified__txt="raw\n")
    project.run("dvc", "add", "-q", "modified.txt")
    (project.folder / "modified.txt.dvc").rename(project.folder / "x.dvc")
    head = project.commit()
    project.run("git", "checkout", "-q", "--detach")
    printed = project.run("dvc-proof", "verify", GIT_DIR=str(project.folder / ".git"))
    assert printed.endswith("\n5 same, 0 different, 0 not verified\n")
    assert project.run("git", "rev-parse", "HEAD").strip() == head


@pytest.mark.slow
def test_another_program_is_not_called_a_clock(project):
    project.edit("dvc.yaml", "cmd: python count.py", "cmd: echo $VERSION > count.json")
    project.run("dvc", "repro", "-q", VERSION="1")
    project.commit()
    printed = project.run("dvc-proof", "verify", "--twice", VERSION="2", expect=1)
    cause = "cause  count.json: count makes other hashes from the same inputs: it depends on something that dvc.yaml"
    assert f"{cause} does not name, or ran on another machine" in printed
