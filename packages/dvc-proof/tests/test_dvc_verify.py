"""Foreign DVC projects are rebuilt from nothing; each tampered commit is found, and each cause is named."""

import re
import sys

import pytest
from projects import Project

GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@example.invalid")
STAGES = """\
stages:
  words:
    cmd: tr a-z A-Z < raw.txt > words.txt
    deps: [raw.txt]
    outs: [words.txt]
  count:
    cmd: python count.py
    deps: [count.py, words.txt]
    params: [times]
    metrics: [count.json: {cache: false}]
"""
COUNT = """\
import json, re
times = int(re.search(r"times: (\\d+)", open("params.yaml").read())[1])
json.dump({"words": times * len(open("words.txt").read().split())}, open("count.json", "w"))
"""
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


def made(folder, top=None, **files):
    """Return a DVC project with these files that has run and is committed; __ in a name stands for a dot."""
    project = Project(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if top is None:
        project.run("git", "init", "-q", "-b", "main")
    project.run("dvc", "init", "-q", *(["--subdir"] if top else []))
    written(project, **files)
    project.run("dvc", "repro", "-q", "--all-pipelines")
    committed(project)
    return project


def written(project, **files):
    for name, content in files.items():
        path = project.folder / name.replace("__", ".").replace("_in_", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def committed(project):
    project.run("git", "add", "-A")
    project.run(*GIT, "commit", "-q", "--allow-empty", "-m", "a commit")


def verified(project, *options, expect=0, **variables):
    command = (sys.executable, "-P", "-m", "dvc_proof", "verify", *options)
    return project.run(*command, expect=expect, **variables)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    files = {"dvc__yaml": STAGES, "count__py": COUNT, "raw__txt": "some words here\n", "params__yaml": "times: 2\n"}
    return made(tmp_path_factory.mktemp("small"), **files)


def edited(name, old, new):
    return lambda project: project.edit(name, old, new)


def without_lock_of_count(project):
    path = project.folder / "dvc.lock"
    path.write_text(path.read_text().partition("  count:")[0])


def nobodys(project):
    written(project, other__json="{}\n")
    project.edit("dvc.yaml", "stages:\n", "metrics: [other.json]\nstages:\n")


def both_edited(project):
    project.edit("count.json", "6", "7")
    project.run("dvc", "commit", "-f", "-q")  # writes the edited file's hash into dvc.lock


def wrong_hash(project: Project) -> None:
    """Give dvc.lock another hash of count.json."""
    lock = project.folder / "dvc.lock"
    lock.write_text(re.sub(r"(path: count\.json\n +hash: md5\n +md5: )\w+", rf"\g<1>{'a' * 32}", lock.read_text()))


TAMPERED = {  # what was done to the commit, the line of the difference, and the cause
    "a metric": (edited("count.json", "6", "9"), "count: count.json: words: committed 9, rebuilt 6", ""),
    "a hash in dvc.lock": (wrong_hash, "count: count.json: dvc.lock has aaaaaaaa", ""),
    "a metric and dvc.lock": (
        both_edited,
        "count: count.json: words: committed 7, rebuilt 6",
        "count: the same inputs",
    ),
    "a param": (
        edited("params.yaml", "2", "3"),
        "count: count.json: words: committed 6, rebuilt 9",
        "count: times chan",
    ),
    "code": (edited("count.py", "times *", "1 + times *"), "count: count.json", "count: count.py changed after"),
    "a comment": (
        edited("count.py", "import", "# x\nimport"),
        "count: dvc.lock: it was written with other values of count.py",
        "",
    ),
    "data": (edited("raw.txt", "here", "here too"), "words: words.txt: dvc.lock has", "words: raw.txt changed after"),
    "a command": (
        edited("dvc.yaml", "a-z A-Z", "a-y A-Y"),
        "words: dvc.lock: it was written with other values of cmd",
        "",
    ),
    "a frozen stage": (
        edited("dvc.yaml", "  count:\n", "  count:\n    frozen: true\n"),
        "count: dvc.yaml: it is",
        "",
    ),
    "a metric of nobody": (nobodys, "dvc.yaml: other.json: no stage makes it", ""),
    "no hash": (without_lock_of_count, "count: count.json: dvc.lock has no hash of it", ""),
    "a failing stage": (edited("count.py", "import json", "import nothing"), "count: it failed", ""),
}


@pytest.mark.slow
def test_an_untouched_commit_is_the_same(small):
    lines = verified(small).splitlines()
    assert lines[-1] == "same"
    assert "same  count: count.json" in lines
    assert not [path for path in small.folder.iterdir() if path.name.startswith("dvc-verify")]


@pytest.mark.slow
@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_commit_is_found(small, tmp_path, name):
    small.run("git", "clone", "-q", str(small.folder), str(tmp_path / "clone"))
    project = Project(tmp_path / "clone")
    tamper, difference, cause = TAMPERED[name]
    if name == "a metric and dvc.lock":
        project.run("dvc", "repro", "-q")
    tamper(project)
    committed(project)
    printed = verified(project, expect=1)
    assert f"DIFFERENT  {difference}" in printed
    assert f"cause  {cause}" in printed or not cause
    assert printed.splitlines()[-1].startswith("first difference: ")


@pytest.mark.slow
def test_every_shape_of_a_stage_is_rebuilt(tmp_path):
    files = {"dvc__yaml": SHAPES, "sub_in_dvc__yaml": INNER, "sub_in_settings__yaml": "rate: 1\n"}
    project = Project(tmp_path / "project")
    project.folder.mkdir()
    project.run("git", "init", "-q", "-b", "main")
    project.run("dvc", "init", "-q")
    written(project, data_in_raw__txt="one\ntwo\n", **files)
    project.run("dvc", "add", "-q", "data/raw.txt")
    project.run("dvc", "remote", "add", "-q", "-d", "shared", str(tmp_path / "remote"))
    project.run("dvc", "repro", "-q", "--all-pipelines")
    project.run("dvc", "push", "-q")
    committed(project)
    project.run("git", "clone", "-q", str(project.folder), str(tmp_path / "clone"))
    lines = verified(Project(tmp_path / "clone")).splitlines()  # data from the remote alone
    assert lines[-1] == "same"
    expected = ["data, not rebuilt: data/raw.txt", "each@b: b.txt", "grid@2-v: grid/2v", "elsewhere: sub/numbered.txt"]
    assert {f"same  {row}" for row in [*expected, "sub/dvc.yaml:inner: sub/inner.txt"]} <= set(lines)
    (project.folder / ".dvc/cache").rename(tmp_path / "cache")
    (tmp_path / "remote").rename(tmp_path / "gone")
    committed(project)
    printed = verified(project, expect=1)
    assert "first difference: data, not rebuilt: data/raw.txt" in printed


@pytest.mark.slow
def test_data_files_may_have_any_names_and_a_hook_keeps_its_repository(small, tmp_path):
    small.run("git", "clone", "-q", str(small.folder), str(tmp_path / "clone"))
    project = Project(tmp_path / "clone")
    written(project, modified__txt="raw\n")
    project.run("dvc", "add", "-q", "modified.txt")
    (project.folder / "modified.txt.dvc").rename(project.folder / "x.dvc")
    committed(project)
    branch = project.run("git", "branch", "--show-current")
    assert verified(project, GIT_DIR=str(project.folder / ".git")).splitlines()[-1] == "same"
    assert project.run("git", "branch", "--show-current") == branch
    written(project, live_in_dvc__yaml="metrics: [acc.json]\n", live_in_acc__json="{}\n")
    committed(project)
    assert "DIFFERENT  dvc.yaml: live/acc.json: no stage makes it" in verified(project, expect=1)


@pytest.mark.slow
def test_a_clock_is_found_by_a_second_run_and_another_program_is_not_called_a_clock(tmp_path):
    command = "date +%N > clock.txt; echo $VERSION > version.txt"
    project = made(tmp_path, dvc__yaml=f"stages: {{clock: {{cmd: '{command}', outs: [clock.txt, version.txt]}}}}\n")
    printed = verified(project, "--twice", expect=1)
    assert "DIFFERENT  clock: clock.txt: two runs here differ" in printed
    project.edit("dvc.yaml", "date +%N > clock.txt; ", "echo 1 > clock.txt; ")
    project.run("dvc", "repro", "-q", VERSION="1")
    committed(project)
    printed = verified(project, "--twice", expect=1, VERSION="2")
    assert "cause  clock: two runs here agree, so dvc.lock is of another machine, library or program" in printed


@pytest.mark.slow
def test_a_project_below_the_repositorys_top_with_an_import(tmp_path, small):
    top = Project(tmp_path)
    top.run("git", "init", "-q", "-b", "main")
    project = Project(tmp_path / "models/project")
    project.folder.mkdir(parents=True)
    project.run("dvc", "init", "-q", "--subdir")
    project.run("dvc", "import", "-q", str(small.folder), "words.txt", "-o", "theirs.txt")
    written(
        project,
        dvc__yaml="stages:\n  copy:\n    cmd: cp theirs.txt mine.txt\n    deps: [theirs.txt]\n    outs: [mine.txt]\n",
    )
    project.run("dvc", "repro", "-q")
    committed(project)
    lines = verified(project).splitlines()
    assert {"same  data, not rebuilt: theirs.txt", "same  copy: mine.txt", "same"} <= set(lines)
    assert '"last": "same"' in verified(project, "--json")


@pytest.mark.slow
def test_the_shape_of_dvcs_own_example(tmp_path, small):
    """Imported data, nested params, folders between stages, metrics and plots at the top of dvc.yaml."""
    project = Project(tmp_path)
    project.run("git", "init", "-q", "-b", "main")
    project.run("dvc", "init", "-q")
    params = "prepare: {split: 0.2, seed: 1}\nfeaturize: {max_features: 2}\ntrain: {n_est: 5}\n"
    written(project, dvc__yaml=GET_STARTED, params__yaml=params, data_in_x="")
    project.run("dvc", "import", "-q", str(small.folder), "words.txt", "-o", "data/data.xml")
    project.run("dvc", "repro", "-q")
    committed(project)
    rows = ["prepare: data/prepared", "train: model.pkl", "evaluate: eval/metrics.json", "evaluate: eval/plots"]
    lines = verified(project).splitlines()
    assert {f"same  {row}" for row in [*rows, "data, not rebuilt: data/data.xml"]} <= {*lines}
    assert lines[-1] == "same"
    project.edit("eval/metrics.json", "0.5", "0.6")
    committed(project)
    assert "evaluate: eval/metrics.json: avg_prec: committed 0.6, rebuilt 0.5" in verified(project, expect=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "DVC cannot read the project"),
        ({"dvc__yaml": "params: [x.yaml]\n", "x__yaml": "a: 1\n"}, "HEAD has no stage"),
        ({"dvc__yaml": "stages: {a: {cmd: ls, deps: ['https://example.invalid/x']}}\n"}, "does not follow"),
        ({"dvc__yaml": "stages: [1]\n"}, "DVC cannot read the project"),
        ({"dvc__yaml": "stages:\n  out:\n    cmd: ls\n    outs: [../x]\n"}, "outside the project's folder"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path, files, reason):
    project = Project(tmp_path)
    project.run("git", "init", "-q")
    if files:
        project.run("dvc", "init", "-q")
    written(project, **files)
    committed(project)
    printed = verified(project, expect=2)
    assert reason in printed
    assert "Traceback" not in printed
    assert len(printed.splitlines()) == 1
