"""Tampered projects: none passes, and each gets the words for what was planted."""

import hashlib
import json
import re

import pytest

from charloom.model.model_file import model_bytes, read_model
from charloom.proof.meaning import ANOTHER, SAME_BITS, SAME_CONCLUSION, SAME_TEXT, WITHIN
from charloom.proof.outputs import outputs

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
    project.edit("src/charloom/network/adagrad.py", "AdaGrad, as an optimiser", "AdaGrad, an optimiser")


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
    for output in outputs(project.folder):
        relock(project, output.path, f"{output.path}, made up".encode())


def signature(project):
    project.edit("signature.json", '"500": "', '"500": "0')


# What was planted: what the last line begins with, what the line of a file or of a cause has in it, the grade.
TAMPERED = {
    metric: ("train: metrics/train.json", ["metrics/train.json: smooth_loss: committed ", EDITED], SAME_TEXT),
    metric_and_lock: ("train: metrics/train.json", ["edited or replaced, and dvc.lock with it"], SAME_TEXT),
    renamed: (
        "train: metrics/train.json",
        ["metrics/train.json: it is not committed", "metrics/train.json: not committed, or under another name"],
        ANOTHER,
    ),
    curve: ("train: plots/smooth_loss.csv", ["update 200: smooth_loss: committed ", EDITED], SAME_CONCLUSION),
    model: ("train: models/best.npz", ["W: 1 of 64 entries, by up to 1e-09", "and dvc.lock with it"], SAME_TEXT),
    sample: ("sample: reports/sample_table.json", ["sample_table.json: replaced, or dvc.lock edited"], WITHIN),
    params: ("train: models/checkpoints", ["dvc.lock is of eta 0.1, params.yaml says 0.2"], ANOTHER),
    text: ("prepare: data/prepared/text.npz", ["dvc.lock is of another text: data/fox.txt"], ANOTHER),
    lock: ("train: plots/held_out.csv", [MADE_UP + "train makes plots/held_out.csv of another hash"], SAME_TEXT),
    source: ("prepare: dvc.lock", ["dvc.lock is of another source: src/charloom/network (stages: prepare"], SAME_BITS),
    source_that_matters: (
        "train: models/checkpoints",
        ["dvc.lock is of another source: src/charloom/network (stages: prepare"],
        ANOTHER,
    ),
    source_that_fails: ("train: it failed", ["dvc.lock is of another source: src/charloom/network"], ""),
    two: (
        "train: models/checkpoints",
        [
            "dvc.lock is of eta 0.1, params.yaml says 0.2",
            "metrics/train.json: edited after train made it: dvc.lock has another hash",
        ],
        ANOTHER,
    ),
    old_lock: ("train: models/checkpoints", ["dvc.lock is of eta 0.1, params.yaml says 0.2", MADE_UP], WITHIN),
    made_up_lock: (
        "prepare: data/prepared/text.npz",
        [MADE_UP, "sample makes metrics/sample.json, reports/sample_table.json, reports/sample_marks.json of"],
        WITHIN,
    ),
    signature: ("signature: float64 state after 500", ["signature.json was edited: a later state is the same"], ""),
}


@pytest.mark.parametrize("plant", TAMPERED, ids=lambda plant: plant.__name__)
def test_what_was_planted_is_named(project, plant):
    last, words, reached = TAMPERED[plant]
    plant(project)
    project.run("git", "commit", "-q", "-a", "-m", "a tampered result")
    printed = project.run("charloom", "verify", expect=1)
    print(printed)
    lines = printed.splitlines()
    assert lines[-1].startswith(f"first difference: {last}")
    for each in words:
        assert each in printed
    assert [line.split(": ")[0] for line in lines if line.startswith("grade")] == [f"grade  {reached}"] * bool(reached)
    assert "probe  exp: same" in lines
    project.run("git", "diff", "HEAD", "--exit-code")
