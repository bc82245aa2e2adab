"""Tampered commits: none passes, and each gets the words for what was planted. Unusual ones that are honest pass."""

import json
import os
import shutil

import pytest
from claims import answered, as_rebuilt, commit, edit_digit, refused, relock, replace_by_link, set_metric, submodule
from projects import Project, copied
from study_projects import ask, conducted

from charloom.proof import verify
from charloom.proof.grade import ANOTHER, SAME_BITS, SAME_CONCLUSION, WITHIN
from charloom.proof.outputs import outputs
from charloom.proof.rebuild import remove
from charloom.settings.pipeline import Project as Folder


def edited(project):
    edit_digit(project, "metrics/train.json")
    project.edit("plots/smooth_loss.csv", "\n400,", "\n400,1")


def replaced(project):
    """Edit dvc.lock, too, also the hash of a model."""
    set_metric(project, "train", "smooth_loss", "0.123")
    relock(project, "models/best.npz", b"another model")


def removed(project):
    project.run("git", "rm", "-q", "metrics/train.json")


def behind_git_attributes(project):
    """Git writes it with other line ends and in another encoding than it keeps."""
    (project.folder / ".gitattributes").write_text("metrics/*.json text eol=lf working-tree-encoding=UTF-8\n")
    edit_digit(project, "metrics/sample.json")


def kept_by_dvc_and_by_git(project):
    """DVC would refuse an output that Git tracks, but for a line in its config, which is committed."""
    project.edit(".dvc/config", "[core]\n", "[core]\n    no_scm = true\n")
    path = project.folder / "reports/sample_table.json"
    text = path.read_text()
    path.unlink()  # the cache's own file may be behind it
    path.write_text(text.replace("the", "teh", 3))
    project.run("git", "add", "-f", "reports/sample_table.json")


def sample(project):
    table = project.folder / "reports/sample_table.json"
    text = json.loads(table.read_text())["data"][-1][1]
    relock(project, "reports/sample_table.json", table.read_bytes().replace(text[5:9].encode(), b"Ahab"))


def made_up_lock(project):
    """Invent a hash for every result; those of sources and params stay right."""
    for output in outputs(Folder(project.folder)):
        relock(project, output.path, f"{output.path}, made up".encode())


def source(project):
    project.edit("src/charloom/network/adagrad.py", "The optimiser AdaGrad", "An optimiser, AdaGrad")


def numbers_that_are_hard_to_read(project):
    set_metric(project, "prepare", "characters", "1" * 5000)  # more digits than Python reads
    set_metric(project, "train", "smooth_loss", "1e400")
    set_metric(project, "sample", "known_words", "NaN")
    set_metric(project, "gradcheck", "entries", "1" * 4000)


# What was planted: what the last line begins with, what the line of a file or of a cause has in it, the grade.
TAMPERED = {
    edited: (
        "train: plots/smooth_loss.csv",
        [
            "plots/smooth_loss.csv: line 6: committed '400,1",
            "metrics/train.json: updates_per_epoch: committed ",
            "plots/smooth_loss.csv, metrics/train.json: edited after train made it: dvc.lock has the hash of what ",
        ],
        SAME_CONCLUSION,
    ),
    replaced: (
        "train: models/best.npz",
        [
            "models/best.npz: dvc.lock has another hash",
            "metrics/train.json: smooth_loss: committed 0.123, rebuilt ",
            "models/best.npz, metrics/train.json: train makes another hash from the same inputs: dvc.lock was edited",
        ],
        SAME_CONCLUSION,
    ),
    removed: (
        "train: metrics/train.json",
        ["metrics/train.json: it is not committed"],
        ANOTHER,
    ),
    behind_git_attributes: ("sample: metrics/sample.json", ["DIFFERENT  sample: metrics/sample.json"], SAME_CONCLUSION),
    kept_by_dvc_and_by_git: (
        "sample: reports/sample_table.json", ["DIFFERENT  sample: reports/sample_table.json"], SAME_CONCLUSION,
    ),
    sample: (
        "sample: reports/sample_table.json", ["reports/sample_table.json: sample makes another hash from "], WITHIN,
    ),
    made_up_lock: (
        "prepare: data/prepared/text.npz",
        [
            ": prepare makes another hash from the same inputs: dvc.lock was edited",
        ],
        WITHIN,
    ),
    source: (
        "prepare: dvc.lock",
        ["dvc.lock was made with another src/charloom/network (stages: prepare"],
        SAME_BITS,
    ),
    numbers_that_are_hard_to_read: (
        "prepare: metrics/prepare.json",
        ["smooth_loss: committed Infinity, rebuilt", "known_words: committed NaN, rebuilt", "entries: committed 1111"],
        SAME_CONCLUSION,
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def rebuilt_once(finished, monkeypatch):
    """Let `verify` in this process take the results of the finished project, which DVC made from nothing."""

    def rebuilt_lock(clone, *_, **__):
        for name in [output.path for output in outputs(Folder(finished.folder))]:
            remove(clone.root / name)
            (clone.root / name).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (finished.folder / name).is_dir() else shutil.copy
            copy(finished.folder / name, clone.root / name)
        return as_rebuilt(clone)

    monkeypatch.setattr(verify, "rebuilt_lock", rebuilt_lock)


@pytest.mark.parametrize("plant", TAMPERED, ids=lambda plant: plant.__name__)
def test_what_was_planted_is_named(project, plant):
    last, words, reached = TAMPERED[plant]
    plant(project)
    commit(project)
    lines = refused(project).splitlines()
    assert lines[-1].startswith(f"first difference: {last}")
    assert [each for each in words if each not in "\n".join(lines)] == []
    assert [line.split(": ")[0] for line in lines if line.startswith("grade")] == [f"grade  {reached}"]
    project.run("git", "diff", "HEAD", "--exit-code")


def test_a_commit_in_whose_place_git_shows_an_honest_one_is_named(project):
    """Everybody else gets the commit."""
    set_metric(project, "train", "smooth_loss", "0.123")
    project.run("git", "replace", commit(project), "HEAD~1")
    project.run("git", "reset", "-q", "--hard", "HEAD")
    assert "smooth_loss: committed 0.123, rebuilt" in refused(project)


COMMANDS = {
    "verify": ["verify"],
    "study": ["verify", "--study", "studies/a.yaml"],
    "summary": ["summary", "--base", "base"],
}
SAME = {"verify": (0, "same")}
AS_BEFORE = {"summary": (0, "All outputs have the same bits as the base's")}


def files_of(folder):
    """Return what is in each file below, and where each link leads, without those of Git, DVC and MLflow."""
    left_out = {".git", "bare.git", ".charloom", "tmp", "cache", "__pycache__", "mlartifacts"}
    found = [path for path in folder.rglob("*") if left_out.isdisjoint(path.parts[len(folder.parts) :])]
    links = {path: bytes(path.readlink()) for path in found if path.is_symlink()}
    files = {path: path.read_bytes() for path in found if path not in links and path.is_file()}
    return {path: each for path, each in (links | files).items() if not path.name.startswith("mlflow")}


def ensure_told(project, expected):
    """Let each command end with its code, say its words, and write no file."""
    for command, (code, *words) in expected.items():
        before = files_of(project.folder)
        ended, printed = answered(project, *COMMANDS[command])
        assert ended == code, printed
        assert [each for each in words if each not in printed] == [], printed
        assert files_of(project.folder) == before


@pytest.fixture(scope="module")
def asked(finished, tmp_path_factory):
    """The finished project with a small study, and a branch named base."""
    project = copied(finished, tmp_path_factory.mktemp("asked") / "project")
    ask(project, "vary: {eta: [0.1, 0.05]}\nbaseline: {eta: 0.1}\nseeds: 1\nmeasure: held_out_bits_per_character\n")
    conducted(project)
    commit(project)
    project.run("git", "branch", "base")
    return project


def subfolder_of_a_strange_repository(project):
    """Let the project be below another folder of any name, with names and settings that Git allows."""
    whole = Project(project.folder.parent / "ein Pröjekt: 'a' $b –")
    below = Project(whole.folder / "below")
    project.run("git", "init", "-q", str(whole.folder))
    shutil.copytree(project.folder, below.folder, ignore=shutil.ignore_patterns(".git"), symlinks=True)
    commit(whole)
    for name in ("base", "dvc.yaml", "src", "below", "metrics/train.json"):
        whole.run("git", "branch", name)
    whole.run("git", "update-ref", "refs/heads/HEAD", "HEAD")
    with open(os.fsencode(below.folder / "data") + b"/na\xefve.json", "wb") as file:  # noqa: PTH123  a name of bytes
        file.write(b"{}\n")
    submodule(below, "metrics/part", note_txt="a note\n")
    commit(whole)
    whole.run("git", "checkout", "-q", "--detach")
    whole.run("git", "config", "core.autocrlf", "true")
    for name in below.run("git", "ls-files", "metrics/*.json", "plots", "*.yaml", "dvc.lock").splitlines():
        (below.folder / name).unlink()
    below.run("git", "checkout", "-q", "--", ".")
    assert b"\r\n" in (below.folder / "metrics/train.json").read_bytes()
    return below


def sparse_worktree_of_a_bare_repository(project):
    """The commit is honest. Whoever has this repository's replacement sees another one in its place."""
    project.run("git", "clone", "-q", "--bare", ".", "../bare.git")
    project.run("git", "-C", "../bare.git", "worktree", "add", "-q", "-b", "work", "../worktree", "base")
    worktree = Project(project.folder.parent / "worktree")
    worktree.run("git", "sparse-checkout", "set", ".dvc", "data", "metrics", "studies")
    honest = commit(worktree)
    set_metric(worktree, "train", "smooth_loss", "0.123")
    better = commit(worktree)
    worktree.run("git", "reset", "-q", "--hard", honest)
    worktree.run("git", "replace", honest, better)
    return worktree


@pytest.mark.parametrize(
    "plant", [subfolder_of_a_strange_repository, sparse_worktree_of_a_bare_repository], ids=lambda plant: plant.__name__
)
def test_an_unusual_repository_that_is_honest_passes(asked, tmp_path, plant):
    ensure_told(plant(copied(asked, tmp_path / "project")), SAME | AS_BEFORE)


def test_unusual_files_that_are_honest_pass(asked, tmp_path, monkeypatch):
    project = copied(asked, tmp_path / "project")
    shutil.copy(project.folder / "metrics/train.json", project.folder / "data/kept.json")
    replace_by_link(project, "metrics/train.json", "../data/kept.json")
    shutil.copytree(project.folder / "models/checkpoints", project.folder / "data/checkpoints")
    replace_by_link(project, "models/checkpoints", "../data/checkpoints")
    (project.folder / ".gitattributes").write_text("metrics/*.json filter=nowhere diff=nowhere\n")
    params = project.folder / "params.yaml"
    params.write_bytes(params.read_bytes().replace(b"\n", b"\r\n"))
    commit(project)
    # As a user's own settings may be: they hold in the clone too.
    settings = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.autocrlf", "GIT_CONFIG_VALUE_0": "true"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    ensure_told(project, SAME)


def test_what_is_not_committed_is_said_and_not_checked(asked, tmp_path):
    project = copied(asked, tmp_path / "project")
    project.run("git", "update-index", "--assume-unchanged", "src/charloom/network/recipe.py")
    project.run("git", "update-index", "--skip-worktree", "metrics/train.json")
    project.edit("src/charloom/network/recipe.py", "default_rng(seed)", "default_rng(seed + 1)")
    (project.folder / "metrics/train.json").write_text("{}")
    ensure_told(project, {"verify": (0, "uncommitted changes", "same"), "summary": (0, "Uncommitted")})
    # New params are committed. The lock and the results that belong to them are only here.
    project.edit("params.yaml", "eta: 0.1", "eta: 0.2")
    project.run("git", "commit", "-q", "-m", "another eta", "params.yaml")
    lock = project.folder / "dvc.lock"
    lock.write_text(lock.read_text().replace("eta: 0.1", "eta: 0.2"))
    contradiction = "dvc.lock was made with eta 0.1, params.yaml has 0.2"
    ensure_told(project, {"verify": (1, contradiction), "summary": (0, "Uncommitted", "not known")})


def test_every_contradiction_of_a_commit_is_named(asked, tmp_path):
    project = copied(asked, tmp_path / "project")
    filtered = "metrics/sample.json filter=other\n"
    (project.folder / ".gitattributes").write_text(f"plots/smooth_loss.csv text eol=crlf\n{filtered}")
    # What is committed is not what lies here, and `git status` finds no difference.
    clean = """sed 's/"known_words": ./"known_words": 1/'"""
    project.run("git", "config", "filter.other.clean", clean)
    (project.folder / "metrics/sample.json").touch()
    (project.folder / "metrics/train.json").write_text("version https://git-lfs.github.com/spec/v1\nsize 1234\n")
    (project.folder / "metrics/results.json").unlink()
    project.edit("dvc.yaml", "cmd: python src/sample.py", "cmd: python src/sample.py && true")
    project.edit("params.yaml", "temperature: 1.0", "temperature: 2.0")
    commit(project)
    ensure_told(
        project,
        {
            "verify": (
                1,
                "plots/smooth_loss.csv: the same values in another notation",
                "cause  metrics/sample.json: edited after sample made it: dvc.lock has the hash of what was rebuilt",
                "plots/smooth_loss.csv, metrics/train.json: edited after train made it",
                "metrics/results.json: it is not committed",
                "dvc.lock was made with cmd python src/sample.py, dvc.yaml has python src/sample.py && true (stages",
                "dvc.lock was made with sample.temperature 1.0, params.yaml has 2.0",
            ),
            "summary": (0, "Different from <code>dvc.lock</code>", "<code>sample</code>", "dvc metrics:"),
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "words"),
    [("1e400", "<code>train</code>"), ("NaN", "nan"), ("1" * 4000, "dvc metrics:"), ("1" * 5000, "dvc metrics:")],
    ids=["infinite", "NaN", "4000 digits", "5000 digits"],
)
def test_a_metric_that_is_hard_to_read_ends_no_summary(asked, tmp_path, value, words):
    project = copied(asked, tmp_path / "project")
    set_metric(project, "train", "smooth_loss", value)
    commit(project)
    ensure_told(project, {"summary": (0, words)})


def test_a_study_is_proven_whatever_is_in_params_yaml(asked, tmp_path):
    project = subfolder_of_a_strange_repository(copied(asked, tmp_path / "project"))
    project.edit("params.yaml", "eta: 0.1", f"eta: {'1' * 4000}")
    commit(project)
    ensure_told(project, {"verify": (1, "params.yaml: eta: 1111")})
    project.edit("params.yaml", "eta: 1", "eta: 0.1\neta: 1")
    commit(project)
    line = 'params.yaml: line 4: not YAML: found duplicate key "eta"'
    ensure_told(project, {"verify": (1, line), "study": (0, "same"), "summary": (0, "dvc params:")})


def text_outside(project):
    project.run("mv", "data/fox.txt", "../fox.txt")
    for name in ("params.yaml", "dvc.lock"):
        project.edit(name, "data/fox.txt", f"{project.folder.parent}/fox.txt")
    commit(project)


def link_that_dangles(project):
    replace_by_link(project, "plots/held_out.csv", "nowhere.csv")
    commit(project)


def lock_without_a_file(project):
    project.run("git", "rm", "-q", "dvc.lock")
    commit(project)


def tag_named_like_the_base(project):
    project.run("git", "tag", "base", commit(project))


def shallow(project):
    project.run("git", "clone", "-q", "--depth", "1", f"file://{project.folder}", "../shallow")
    project.folder = project.folder.parent / "shallow"


UNREADABLE = {
    text_outside: {"verify": (1, "/fox.txt: not in this repository, nor in DVC")},
    link_that_dangles: {
        "verify": (1, "plots/held_out.csv: it is not committed"),
        "summary": (0, "Not known: <code>dvc status: ERROR: "),
    },
    lock_without_a_file: {"verify": (1, "dvc.lock: missing, or not "), "summary": (0, "HEAD has no dvc.lock")},
    tag_named_like_the_base: {"summary": (2, "--base: base is both a branch and a tag")},
    shallow: SAME | {"summary": (2, "--base: no commit base here; `git fetch` brings a branch")},
}  # fmt: skip


@pytest.mark.parametrize("plant", UNREADABLE, ids=lambda plant: plant.__name__)
def test_what_cannot_be_read_or_compared_is_named(asked, tmp_path, plant):
    project = copied(asked, tmp_path / "project")
    plant(project)
    ensure_told(project, UNREADABLE[plant])
