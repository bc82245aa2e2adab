"""Tampered projects: none passes, and each gets the words for what was planted. Unusual ones that are honest pass."""

import hashlib
import json
import os
import re
import shutil
from contextlib import chdir

import pytest
from projects import Project, called, copied
from study_projects import ask, conducted

from charloom.commands import cli
from charloom.model.model_file import model_bytes, read_model
from charloom.proof import verify
from charloom.proof.meaning import ANOTHER, SAME_BITS, SAME_CONCLUSION, SAME_TEXT, WITHIN
from charloom.proof.outputs import outputs
from charloom.proof.rebuild import remove
from charloom.settings.dvc_lock import LOCK, locked
from charloom.settings.pipeline import Project as Folder

EDITED = "edited after train made it: dvc.lock has the hash of what was rebuilt"
MADE_UP = "dvc.lock is old, edited or made up: "


def relock(project, name, content=None):
    """Put the hash of the file, as it is now, or of another content in place of its hash in dvc.lock."""
    made = hashlib.md5(content or (project.folder / name).read_bytes(), usedforsecurity=False).hexdigest()
    lock = project.folder / "dvc.lock"
    entry = re.compile(rf"(- path: {re.escape(name)}\n +hash: md5\n +md5: )\w+")
    text, count = entry.subn(rf"\g<1>{made}", lock.read_text())
    assert count
    lock.write_text(text)


def metric(project):
    values = json.loads((project.folder / "metrics/train.json").read_text())
    loss = repr(values["smooth_loss"])
    project.edit("metrics/train.json", loss, loss[:-1] + ("1" if loss[-1] != "1" else "2"))


def renamed(project):
    project.run("git", "mv", "metrics/train.json", "metrics/trained.json")


def removed(project):
    project.run("git", "rm", "-q", "metrics/train.json")


def metric_and_lock(project):
    metric(project)
    relock(project, "metrics/train.json")


def curve(project):
    path = project.folder / "plots/smooth_loss.csv"
    rows = path.read_text().splitlines()
    update, loss = rows[3].split(",")
    path.write_text("\n".join([*rows[:3], f"{update},{float(loss) - 1!r}", *rows[4:], ""]))


def model(project):
    """Replace the best model in DVC's cache, too: whoever can do that has it in a remote."""
    model = read_model(project.folder / "models/best.npz")
    model.theta.W[2, 3] += 1e-9
    content = model_bytes(model)
    relock(project, "models/best.npz", content)
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    cached = project.folder / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    cached.parent.mkdir(exist_ok=True)
    cached.write_bytes(content)


def sample(project):
    table = project.folder / "reports/sample_table.json"
    text = json.loads(table.read_text())["data"][-1][1]
    relock(project, "reports/sample_table.json", table.read_bytes().replace(text[5:9].encode(), b"Ahab"))


def params(project):
    project.edit("params.yaml", "eta: 0.1", "eta: 0.2")


def text(project):
    project.edit("data/fox.txt", "lazy dog", "lazy cat")


def lock(project):
    relock(project, "plots/held_out.csv", b"another")


def source(project):
    project.edit("src/charloom/network/adagrad.py", "The optimiser AdaGrad", "An optimiser, AdaGrad")


def source_that_matters(project):
    project.edit("src/charloom/network/recipe.py", "default_rng(seed)", "default_rng(seed + 1)")


def source_that_fails(project):
    project.edit("src/charloom/network/recipe.py", "default_rng(seed)", "default_rng(sead)")


def two(project):
    metric(project)
    params(project)


def old_lock(project):
    """Bring the lock of an earlier commit back after new params were run and committed."""
    lock = (project.folder / "dvc.lock").read_bytes()
    params(project)
    project.run("dvc", "repro", "plot")
    project.run("git", "commit", "-q", "-a", "-m", "another eta")
    (project.folder / "dvc.lock").write_bytes(lock)


def made_up_lock(project):
    """Invent a hash for every result; those of sources and params stay right."""
    for output in outputs(Folder(project.folder)):
        relock(project, output.path, f"{output.path}, made up".encode())


def signature(project):
    project.edit("signature.json", '"500": "', '"500": "0')


# What was planted: what the last line begins with, what the line of a file or of a cause has in it, the grade.
TAMPERED = {
    metric: ("train: metrics/train.json", ["metrics/train.json: smooth_loss: committed ", EDITED], SAME_TEXT),
    metric_and_lock: ("train: metrics/train.json", ["edited or replaced, and dvc.lock with it"], SAME_TEXT),
    renamed: ("track: metrics/trained.json", ["cause  metrics/trained.json: no stage makes it"], ""),
    removed: (
        "train: metrics/train.json",
        ["metrics/train.json: it is not committed", "metrics/train.json: not committed, or under another name"],
        ANOTHER,
    ),
    curve: ("train: plots/smooth_loss.csv", ["update 200: smooth_loss: committed ", EDITED], SAME_CONCLUSION),
    model: ("train: models/best.npz", ["W: 1 of 64 entries, by up to 1e-09", "and dvc.lock with it"], SAME_TEXT),
    sample: ("sample: reports/sample_table.json", ["sample_table.json: replaced, or dvc.lock edited"], WITHIN),
    params: ("train: models/checkpoints", ["dvc.lock was made with eta 0.1, params.yaml has 0.2"], ANOTHER),
    text: ("prepare: data/prepared/text.npz", ["dvc.lock was made with another text: data/fox.txt"], ANOTHER),
    lock: ("train: plots/held_out.csv", [MADE_UP + "train makes plots/held_out.csv with another hash"], SAME_TEXT),
    source: (
        "prepare: dvc.lock",
        ["dvc.lock was made with another source: src/charloom/network (stages: prepare"],
        SAME_BITS,
    ),
    source_that_matters: (
        "train: models/checkpoints",
        ["dvc.lock was made with another source: src/charloom/network (stages: prepare"],
        ANOTHER,
    ),
    source_that_fails: ("train: it failed", ["dvc.lock was made with another source: src/charloom/network"], ""),
    two: (
        "train: models/checkpoints",
        [
            "dvc.lock was made with eta 0.1, params.yaml has 0.2",
            "metrics/train.json: edited after train made it: dvc.lock has another hash",
        ],
        ANOTHER,
    ),
    old_lock: ("train: models/checkpoints", ["dvc.lock was made with eta 0.1, params.yaml has 0.2", MADE_UP], WITHIN),
    made_up_lock: (
        "prepare: data/prepared/text.npz",
        [MADE_UP, "sample makes metrics/sample.json, reports/sample_table.json, reports/sample_marks.json with"],
        WITHIN,
    ),
    signature: ("signature: float64 state after 500", ["signature.json was edited: a later state is the same"], ""),
}


# Those whose results are not the finished project's: the others need no rebuilding of their own.
OTHER_RESULTS = {params, text, source_that_matters, source_that_fails, two, old_lock}


@pytest.fixture
def rebuilt_once(finished, monkeypatch):
    """Let `verify` in this process take the results of the finished project, which DVC made from nothing."""

    def rebuilt_lock(clone, *_, **__):
        for name in [LOCK, *(output.path for output in outputs(Folder(finished.folder)))]:
            remove(clone.root / name)
            (clone.root / name).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (finished.folder / name).is_dir() else shutil.copy
            copy(finished.folder / name, clone.root / name)
        return locked(clone)

    monkeypatch.setattr(verify, "rebuilt_lock", rebuilt_lock)


@pytest.mark.parametrize("plant", TAMPERED, ids=lambda plant: plant.__name__)
def test_what_was_planted_is_named(project, request, plant):
    last, words, reached = TAMPERED[plant]
    plant(project)
    project.run("git", "commit", "-q", "-a", "-m", "a tampered result")
    if plant in OTHER_RESULTS:
        printed = project.run("charloom", "verify", expect=1)
    else:
        request.getfixturevalue("rebuilt_once")
        code, printed = answer(project, "verify")
        assert code == 1
    print(printed)
    lines = printed.splitlines()
    assert lines[-1].startswith(f"first difference: {last}")
    for each in words:
        assert each in printed
    assert [line.split(": ")[0] for line in lines if line.startswith("grade")] == [f"grade  {reached}"] * bool(reached)
    assert "probe  exp: same" in lines
    project.run("git", "diff", "HEAD", "--exit-code")


# More that may be planted. Each plant commits by itself, and what it returns is where the commands run.


def commit(project, message="something else"):
    project.run("git", "add", "-A")
    project.run("git", "commit", "-q", "--allow-empty", "--allow-empty-message", "-m", message)


def as_it_is(project):
    pass


def carriage_returns_in_this_checkout(project):
    project.run("git", "config", "core.autocrlf", "true")
    checked_out_anew(project)


def carriage_returns_in_every_checkout(project):
    """As a user's own settings may be: they hold in the clone too."""
    project.variables = {
        "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.autocrlf", "GIT_CONFIG_VALUE_0": "true",
    }  # fmt: skip


def checked_out_anew(project):
    names = project.run("git", "ls-files").splitlines()
    for name in names:
        (project.folder / name).unlink()
    project.run("git", "checkout", "-q", "--", ".")


def carriage_returns_by_attributes(project):
    (project.folder / ".gitattributes").write_text("plots/*.csv text eol=crlf\n")
    commit(project)


def filter_that_is_not_installed(project):
    (project.folder / ".gitattributes").write_text("metrics/*.json filter=nowhere diff=nowhere\n")
    commit(project)


def filter_that_hides_an_edit(project):
    """What is committed is not what lies here, and `git status` finds no difference."""
    (project.folder / ".gitattributes").write_text("metrics/train.json filter=other\n")
    project.run("git", "config", "filter.other.clean", 'sed \'s/"smooth_loss": ./"smooth_loss": 1/\'')
    (project.folder / "metrics/train.json").touch()
    commit(project)


def detached(project):
    project.run("git", "checkout", "-q", "--detach")
    commit(project)


def shallow(project):
    project.run("git", "clone", "-q", "--depth", "1", f"file://{project.folder}", "../shallow")
    project.folder = project.folder.parent / "shallow"


def in_a_subfolder(project):
    """Of a Git repository whose root is no project."""
    whole = project.folder.parent / "whole"
    project.run("git", "init", "-q", str(whole))
    shutil.copytree(project.folder, whole / "below", ignore=shutil.ignore_patterns(".git"), symlinks=True)
    project.folder = whole
    named(project)
    commit(project)
    project.run("git", "branch", "base")
    project.folder = whole / "below"


def named(project):
    project.run("git", "config", "user.name", "a test")
    project.run("git", "config", "user.email", "test@example.invalid")


def worktree(project):
    project.run("git", "worktree", "add", "-q", "../worktree")
    project.folder = project.folder.parent / "worktree"


def worktree_of_a_bare_repository(project):
    project.run("git", "clone", "-q", "--bare", ".", "../bare.git")
    project.run("git", "-C", "../bare.git", "worktree", "add", "-q", "../worktree", "base")
    project.folder = project.folder.parent / "worktree"
    named(project)
    project.run("git", "checkout", "-q", "-b", "work")


def strange_path(project):
    project.folder = project.folder.rename(project.folder.parent / "ein Pröjekt: 'a' $b –")


def branch_named_head(project):
    project.run("git", "update-ref", "refs/heads/HEAD", "HEAD")


def branch_like_a_file(project):
    for name in ("dvc.yaml", "src", "metrics/train.json"):
        project.run("git", "branch", name)
    project.run("git", "checkout", "-q", "dvc.yaml", "--")


def tag_like_the_branch(project):
    """A tag and a branch named base: the branch is where this one left, the tag is HEAD."""
    project.run("git", "branch", "-q", "-m", "base", "other")
    eta_and_results(project)
    project.run("git", "branch", "base", "other")
    project.run("git", "tag", "base", "HEAD")


def eta_and_results(project):
    params(project)
    project.run("dvc", "repro", "-q", "plot")
    commit(project)


def submodule(project):
    project.run("git", "init", "-q", "../part")
    Project(project.folder.parent / "part").run(
        "git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", "commit", "-q", "--allow-empty", "-m", "a"
    )
    project.run("git", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../part", "metrics/part")
    commit(project)


def sparse(project):
    project.run("git", "sparse-checkout", "set", "data", "metrics", "studies")


def no_parent_and_no_message(project):
    project.run("git", "checkout", "-q", "--orphan", "alone")
    commit(project, "")


def grafted(project):
    commit(project)
    head = project.run("git", "rev-parse", "HEAD").strip()
    commit(project)
    (project.folder / ".git/info").mkdir(exist_ok=True)
    (project.folder / ".git/info/grafts").write_text(f"{head}\n")


def replaced_by_a_better_commit(project):
    """The commit is honest. Whoever has this ref sees another one in its place."""
    commit(project)
    honest = project.run("git", "rev-parse", "HEAD").strip()
    smaller_loss(project)
    project.run("git", "reset", "-q", "--soft", honest)
    project.run("git", "commit", "-q", "--amend", "-m", "better")
    project.run("git", "replace", honest, "HEAD")
    project.run("git", "reset", "-q", "--hard", honest)


def replaced_by_an_honest_commit(project):
    smaller_loss(project)
    honest = project.run("git", "commit-tree", "base^{tree}", "-p", "base", "-m", "honest").strip()
    project.run("git", "replace", "HEAD", honest)
    project.run("git", "reset", "-q", "--hard", "HEAD")


def smaller_loss(project):
    metric_is(project, "0.123")


def metric_is(project, value, name="smooth_loss"):
    path = project.folder / "metrics/train.json"
    path.write_text(re.sub(rf'("{name}": )[^,\n]+', rf"\g<1>{value}", path.read_text()))
    relock(project, "metrics/train.json")
    commit(project)


def infinite_metric(project):
    metric_is(project, "1e400")


def metric_of_5000_digits(project):
    metric_is(project, "1" * 5000)


def metric_of_4000_digits(project):
    metric_is(project, "1" * 4000)


def measure_of_4000_digits(project):
    metric_is(project, "1" * 4000, "held_out_bits_per_character")


def metric_that_is_no_number(project):
    metric_is(project, "NaN")


def eta_of_4000_digits(project):
    project.edit("params.yaml", "eta: 0.1", f"eta: {'1' * 4000}")
    commit(project)


def command(project):
    project.edit("dvc.yaml", "cmd: python src/sample.py", "cmd: python src/sample.py && true")
    commit(project)


def linked(project, name, target):
    path = project.folder / name
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
    project.run("git", "add", "-f", name)
    commit(project)


def link_to_a_file_here(project):
    shutil.copy(project.folder / "metrics/train.json", project.folder / "data/kept.json")
    linked(project, "metrics/train.json", "../data/kept.json")


def link_that_dangles(project):
    linked(project, "plots/held_out.csv", "nowhere.csv")


def link_to_itself(project):
    linked(project, "plots/held_out.csv", "held_out.csv")


def loop_of_links(project):
    linked(project, "metrics/a", "b")
    linked(project, "metrics/b", "a")


def link_to_a_folder_in_place_of_the_checkpoints(project):
    shutil.copytree(project.folder / "models/checkpoints", project.folder / "data/checkpoints")
    linked(project, "models/checkpoints", "../data/checkpoints")


def link_out_of_the_repository(project):
    outside = project.folder.parent / "outside.npz"
    shutil.copy(project.folder / "models/best.npz", outside)
    linked(project, "models/best.npz", outside)


def text_by_a_link_out_of_the_repository(project):
    """The text is in DVC, and where it is to lie is a dangling link to a file outside."""
    project.run("git", "rm", "-q", "--cached", "data/fox.txt")
    project.run("dvc", "add", "-q", "data/fox.txt")
    (project.folder / "data/.gitignore").unlink()
    linked(project, "data/fox.txt", project.folder.parent / "written.txt")


def name_that_is_not_utf8(project):
    path = os.fsencode(project.folder / "data") + b"/na\xefve.json"
    with open(path, "wb") as file:  # noqa: PTH123  a name of bytes
        file.write(b"{}\n")
    commit(project)


def assumed_unchanged(project):
    project.run("git", "update-index", "--assume-unchanged", "src/charloom/network/recipe.py", "params.yaml")
    source_that_matters(project)
    params(project)


def skipped(project):
    project.run("git", "update-index", "--skip-worktree", "metrics/train.json")
    (project.folder / "metrics/train.json").write_text("{}")


def dirty(project):
    source_that_matters(project)


def lock_that_is_not_committed(project):
    """New params are committed, and the lock and the results that belong to them lie here only."""
    params(project)
    project.run("git", "commit", "-q", "-a", "-m", "another eta")
    project.run("dvc", "repro", "-q", "plot")


def metric_file_under_another_name(project):
    renamed(project)
    commit(project)


def deleted_metric(project):
    removed(project)
    commit(project)


def key_twice_in_params(project):
    project.edit("params.yaml", "eta: 0.1", "eta: 0.1\neta: 0.2")
    commit(project)


def key_twice_in_the_lock(project):
    text = (project.folder / "dvc.lock").read_text()
    (project.folder / "dvc.lock").write_text(text + "  prepare:\n    cmd: true\n")
    commit(project)


def no_lock(project):
    project.run("git", "rm", "-q", "dvc.lock")
    commit(project)


def lock_of_another_commit(project):
    old_lock(project)
    commit(project)


def lock_with_conflict_marks(project):
    project.edit("dvc.lock", "stages:\n", "<<<<<<< HEAD\nstages:\n=======\nstages:\n>>>>>>> other\n")
    commit(project)


def params_with_carriage_returns(project):
    path = project.folder / "params.yaml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    commit(project)


def pointer_in_place_of_a_metric(project):
    (project.folder / "metrics/train.json").write_text(
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 1234\n"
    )
    commit(project)


def same_command_that_takes_what_is_committed(project):
    """The pipeline itself puts the committed figure back: it is what the commit comes to."""
    project.edit("dvc.yaml", "cmd: python src/train.py", "cmd: python src/train.py && git checkout -q HEAD -- metrics")
    project.edit("dvc.lock", "cmd: python src/train.py", "cmd: python src/train.py && git checkout -q HEAD -- metrics")
    smaller_loss(project)


LOCKED = "Different from <code>dvc.lock</code>"
UNCHANGED = "no parameter and no file except results"
SAME = {"quick": (0, "same")}  # a summary takes four starts of DVC: of some
AS_BEFORE = {"summary": (0, "All outputs have the same bits as the base's")}
LINK = "a link that leads out of the repository"
NOT_THERE = "metrics/train.json is not committed"
CONFLICT = "dvc.lock: a merge was committed with its conflict markers"

# By what was planted, what each command says of it: its exit code, and words of it.
SAID = {
    as_it_is: SAME | AS_BEFORE,
    carriage_returns_in_this_checkout: SAME | AS_BEFORE,
    carriage_returns_in_every_checkout: SAME,
    carriage_returns_by_attributes: {"quick": (1, "in another notation")},
    filter_that_is_not_installed: SAME,
    filter_that_hides_an_edit: {"quick": (1, "dvc.lock has the hash of another metrics/train.json")},
    detached: SAME,
    shallow: {"quick": (0, "same"), "summary": (2, "--base: no commit base here; `git fetch` brings a branch")},
    in_a_subfolder: SAME | AS_BEFORE | {"study": (0, "same")},
    worktree: SAME,
    worktree_of_a_bare_repository: SAME | AS_BEFORE,
    strange_path: SAME,
    branch_named_head: SAME,
    branch_like_a_file: SAME,
    tag_like_the_branch: {"summary": (2, "--base: base is both a branch and a tag")},
    submodule: SAME | AS_BEFORE,
    sparse: SAME | AS_BEFORE,
    no_parent_and_no_message: {"quick": (0, "same"), "summary": (2, "have no commit in common")},
    grafted: {"quick": (0, "same"), "summary": (2, "have no commit in common")},
    replaced_by_a_better_commit: SAME | AS_BEFORE,
    replaced_by_an_honest_commit: {
        "verify": (1, "smooth_loss: committed 0.123"), "summary": (0, "<code>train</code> is the first with"),
    },
    infinite_metric: {"verify": (1, "smooth_loss: committed Infinity, rebuilt"), "summary": (0, "<code>train</code>")},
    metric_of_5000_digits: {"verify": (1, "train: metrics/train.json"), "summary": (0, "dvc metrics:")},
    metric_of_4000_digits: {"verify": (1, "smooth_loss: committed 1111"), "summary": (0, "dvc metrics:")},
    metric_that_is_no_number: {"verify": (1, "smooth_loss: committed NaN, rebuilt"), "summary": (0, "nan")},
    eta_of_4000_digits: {"quick": (1, "params.yaml: eta: 1111"), "study": (0, "same")},
    command: {
        "quick": (1, "dvc.lock was made with another command: python src/sample.py (stages: sample)"),
        "summary": (0, LOCKED, "<code>sample</code>"),
    },
    link_to_a_file_here: {"quick": (0, "same")},
    link_that_dangles: {"quick": (1, "plots/held_out.csv is not committed")},
    link_to_itself: {"quick": (1, "plots/held_out.csv")},
    loop_of_links: {"quick": (1, "metrics/")},
    link_to_a_folder_in_place_of_the_checkpoints: SAME,
    link_out_of_the_repository: {"quick": (1, f"models/best.npz: {LINK}")},
    text_by_a_link_out_of_the_repository: {"quick": (1, f"data/fox.txt: {LINK}")},
    name_that_is_not_utf8: SAME | AS_BEFORE,
    assumed_unchanged: {"quick": (0, "uncommitted changes", "same"), "summary": (0, "Uncommitted")},
    skipped: {"quick": (0, "uncommitted changes", "same"), "summary": (0, "Uncommitted")},
    dirty: {"quick": (0, "uncommitted changes", "same"), "summary": (0, "Uncommitted")},
    lock_that_is_not_committed: {
        "quick": (1, "dvc.lock was made with eta 0.1, params.yaml has 0.2"),
        "summary": (0, "Uncommitted", "not known"),
    },
    metric_file_under_another_name: {
        "quick": (1, f"{NOT_THERE}, and dvc.lock has its hash"), "summary": (0, "no longer committed"),
    },
    deleted_metric: {
        "quick": (1, f"{NOT_THERE}, and dvc.lock has its hash"), "summary": (0, "no longer committed"),
    },
    key_twice_in_params: {
        "quick": (1, 'params.yaml: line 4: not YAML: found duplicate key "eta"'),
        "study": (0, "same"), "summary": (0, "dvc params:"),
    },
    key_twice_in_the_lock: {
        "quick": (1, "dvc.lock: not what DVC writes"), "summary": (2, "dvc.lock of ", 'duplicate key "prepare"'),
    },
    no_lock: {"quick": (1, "dvc.lock: not in HEAD"), "summary": (0, "HEAD has no dvc.lock")},
    lock_of_another_commit: {"quick": (1, "made with eta 0.1, params.yaml has 0.2"), "summary": (0, LOCKED)},
    lock_with_conflict_marks: {"quick": (1, CONFLICT), "summary": (2, "dvc.lock of ", "is not in DVC's format")},
    params_with_carriage_returns: SAME,
    pointer_in_place_of_a_metric: {
        "quick": (1, "dvc.lock has the hash of another metrics/train.json"), "summary": (0, "dvc metrics:"),
    },
}  # fmt: skip
COMMANDS = {
    "verify": ["verify", "--statement", "statement.json"],
    "quick": ["verify", "--quick"],
    "study": ["verify", "--study", "studies/a.yaml"],
    "summary": ["summary", "--base", "base"],
}


@pytest.fixture(scope="module")
def asked(finished, tmp_path_factory):
    """The finished project with a branch named base, and a small study."""
    project = copied(finished, tmp_path_factory.mktemp("asked") / "project")
    ask(project, "vary: {eta: [0.1, 0.05]}\nbaseline: {eta: 0.1}\nseeds: 1\nmeasure: held_out_bits_per_character\n")
    conducted(project)
    commit(project)
    project.run("git", "branch", "base")
    return project


def files_of(folder):
    """Return what is in each file below, and where each link leads, without those of Git, DVC and MLflow."""
    left_out = {".git", "bare.git", ".charloom", "tmp", "cache", "__pycache__", "mlartifacts"}
    found = [path for path in folder.rglob("*") if left_out.isdisjoint(path.parts[len(folder.parts) :])]
    links = {path: bytes(path.readlink()) for path in found if path.is_symlink()}
    files = {path: path.read_bytes() for path in found if path not in links and path.is_file()}
    return {path: each for path, each in (links | files).items() if not path.name.startswith("mlflow")}


def answer(project, command):
    """Return exit code and all that the command says; in place of a code what it raised."""
    with chdir(project.folder):
        try:
            code, printed, complaint = called(cli.main, "charloom", *COMMANDS[command])
        except Exception as error:  # noqa: BLE001  it would be a traceback
            return repr(error), ""
    return code, printed + complaint


@pytest.mark.parametrize("plant", SAID, ids=lambda plant: plant.__name__)
def test_each_command_names_what_is_there_or_says_that_all_is_well(asked, tmp_path, monkeypatch, rebuilt_once, plant):
    project, wrong = copied(asked, tmp_path / "project"), []
    project.variables = {}
    plant(project)
    for name, value in project.variables.items():
        monkeypatch.setenv(name, value)
    for command, (expected, *words) in SAID[plant].items():
        before = files_of(tmp_path)
        code, said = answer(project, command)
        print(f"== {command}: {code}\n{said}")
        missing = [each for each in words if each not in said.replace("<wbr>", "")]
        wrote = [str(each) for each, what in files_of(tmp_path).items() if before.get(each) != what]
        if code != expected or missing or wrote:
            wrong.append((command, code, missing, wrote))
    assert not wrong


def test_a_statement_is_of_its_own_commit_and_files(asked, tmp_path, request):
    project = copied(asked, tmp_path / "project")
    code, said = answer(project, "verify")  # really rebuilt
    assert code == 0, said
    file = project.folder / "statement.json"
    statement = json.loads(file.read_text())
    commit_named = next(each for each in statement["predicate"]["configuration"] if each["name"] == "commit")
    assert commit_named["digest"] == {"gitCommit": project.run("git", "rev-parse", "HEAD").strip()}
    listed = {each["name"]: each["digest"]["sha256"] for each in statement["subject"]}

    def checked(name, digest, expect):
        (project.folder / "SUMS").write_text(f"{digest}  {name}\n")
        return project.run("sha256sum", "--check", "--quiet", "SUMS", expect=expect)

    name = "metrics/train.json"
    assert checked(name, listed[name], 0) == ""
    edited = listed[name][:-1] + ("0" if listed[name][-1] != "0" else "1")
    assert f"{name}: FAILED" in checked(name, edited, 1)
    smaller_loss(project)  # another tree
    request.getfixturevalue("rebuilt_once")
    assert f"{name}: FAILED" in checked(name, listed[name], 1)
    before = file.read_bytes()
    code, said = answer(project, "verify")  # another commit
    assert code == 1, said
    assert file.read_bytes() == before


def test_what_verify_said_of_another_commit_does_not_count(asked):
    head, machine = "0" * 40, {"system": "Linux", "processor": "x", "python": "3"}
    report = {"commit": head, "last": "same", "quick": False, "grade": None, "causes": [], "machine": machine}
    file = asked.folder / "../verified.json"
    file.write_text(json.dumps(report))
    printed = asked.run("charloom", "summary", "--base", "base", "--verified", str(file))
    assert "bit for bit, on" not in printed
    assert "report about another commit: <code>0000000000</code>" in printed
