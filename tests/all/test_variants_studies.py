"""Rows of two versions of the sources never mix, and no question is asked twice unseen: by what is claimed."""

import csv
import io
import json

import pytest
from projects import copied, said
from study_projects import ask, conducted, tables

from charloom.base.errors import CharloomError

MEASURE = "held_out_bits_per_character"
QUESTION = f"vary: {{eta: [0.1, 0.05]}}\nbaseline: {{eta: 0.1}}\nseeds: 4\nmeasure: {MEASURE}\n"
OTHER = {"adagrad float64": "0" * 16}  # digest of a small trial by other sources than those here


@pytest.fixture(scope="module")
def studied(finished, tmp_path_factory):
    project = copied(finished, tmp_path_factory.mktemp("variants") / "project")
    folder = ask(project, QUESTION)
    conducted(project)
    project.run("git", "add", "-A")
    project.run("git", "commit", "-q", "-m", "a study")
    return project, folder


@pytest.fixture
def study(studied):
    """A project and its study's folder; what a test does to question, tables and kept rows is undone."""
    project, folder = studied
    yield project, folder
    project.run("git", "clean", "-q", "-d", "-x", "--force", "studies", ".charloom/studies")
    project.run("git", "checkout", "-q", ".")


def edit_asked(folder, small_trials) -> None:
    """Write other digests of small trials into asked.json; None removes the key."""
    path = folder / "asked.json"
    asked = json.loads(path.read_text()) | {"small_trials": small_trials}
    path.write_text(json.dumps({key: value for key, value in asked.items() if value is not None}))


def test_rows_taken_away_do_not_decide_earlier_than_was_asked(study):
    """Four seeds were asked, with one look: what two that suit say is no verdict."""
    project, folder = study
    with (folder / "trials.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    bits = {"1": 3.5, "2": 3.501, "3": 4.6, "4": 4.2}  # two seeds that differ alike, and two that say the contrary
    for row in rows:
        row[head.index(MEASURE)] = str(4.0 if row[0] == "0.1" else bits[row[1]])
    (folder / "passages.csv").unlink()  # it would contradict the edited measure
    for chosen in (rows, [row for row in rows if row[1] in "12"]):
        content = io.StringIO()
        csv.writer(content, lineterminator="\n").writerows([head, *chosen])
        (folder / "trials.csv").write_text(content.getvalue())
        assert "Cannot tell yet: eta=0.05" in said(project, "compare", "studies/a")[0]


@pytest.mark.parametrize("small_trials", [{}, None, {"adagrad float32": "0" * 16}, OTHER], ids=str)
def test_no_row_is_added_by_other_sources(study, small_trials):
    project, folder = study
    edit_asked(folder, small_trials)
    before = tables(folder)
    for seeds in ("seeds: 4", "seeds: 5"):  # also if there is nothing to train
        project.edit("studies/a.yaml", "seeds: 4", seeds)
        with pytest.raises(CharloomError, match=r"with other source code|small_trials: the keys are "):
            conducted(project)
    assert tables(folder) == before


def test_asked_anew_rows_of_other_sources_neither_stay_nor_come_back(study):
    project, folder = study
    edit_asked(folder, OTHER)
    project.edit("studies/a.yaml", "[0.1, 0.05]", "[0.1, 0.2]")
    assert "8 of 8 trials to train" in conducted(project, anew=True)
    assert json.loads((folder / "asked.json").read_text())["small_trials"] != OTHER
    assert [*(project.folder / ".charloom/studies/a").glob("*/trials.csv")]
    project.edit("studies/a.yaml", "[0.1, 0.2]", "[0.1, 0.05]")
    assert "4 of 8 trials to train" in conducted(project, anew=True)  # those of eta 0.05, which are aside


def test_rows_of_another_question_are_no_part_of_an_answer(study):
    project, folder = study
    asked = (folder / "asked.json").read_bytes()
    project.edit("studies/a.yaml", "seeds: 4", "seeds: 5")
    conducted(project)
    (folder / "asked.json").write_bytes(asked)
    project.edit("studies/a.yaml", "seeds: 5", "seeds: 4")
    complaint = said(project, "compare", "studies/a", code=2)[1]
    assert "studies/a/trials.csv: 2 rows belong to no trial of studies/a.yaml; " in complaint


@pytest.mark.parametrize(
    ("name", "line"),
    [("trials.csv", "changed since the first start"), ("asked.json", "asked.json: No such file or directory; ")],
)
def test_a_study_that_was_asked_is_not_asked_anew_by_losing_a_file(study, name, line):
    project, folder = study
    (folder / name).unlink()
    project.edit("studies/a.yaml", MEASURE, "smooth_loss")
    assert line in said(project, "study", "studies/a.yaml", "--jobs", "1", code=2)[1]


TRAINED = """
import json, sys
from pathlib import Path
from tempfile import TemporaryDirectory
from charloom.settings.params import overridden, read_params
from charloom.study.trial import small_trial, train_trial
from charloom.text import corpus
params = overridden(read_params(), {"train.updates": 60, "train.checkpoint_every": 10}, Path("x"))
source = corpus.survey(Path("data/fox.txt"))
with TemporaryDirectory() as folder:
    corpus.write_text(Path(folder, "x.npz"), source, corpus.split(source.characters, params.prepare.held_out))
    text, rows = corpus.read_prepared(Path(folder, "x.npz")), []
    for changes in json.loads(sys.argv[1]):
        run = train_trial(overridden(params, changes, Path("x")), text, "")
        rows.append(repr((run.outcome, run.metrics, run.curves, run.results)))
print(json.dumps([small_trial("adagrad float64"), *rows]))
"""
# Edits of results that a training of the defaults does not reach: file, text and what is written instead, and params
# of a trial that reaches them.
UNREACHED = {
    "what AdaGrad starts from, above 0": (
        "network/adagrad.py", "return (float(self.initial_accumulator_value),)",
        "return (2 * float(self.initial_accumulator_value),)", {"train.initial_accumulator_value": 10.0},
    ),
    "how a text is cut into training and held out": (
        "text/corpus.py", "end = int(held_out * characters)", "end = int(1.1 * held_out * characters)", {},
    ),
    "another seed than 1": (
        "network/recipe.py", "np.random.default_rng(seed)", "np.random.default_rng(seed + 5 * (seed > 1))", {"seed": 2},
    ),
    "an end worse than uniform": ("results/run.py", "return WORSE if", "return TRAINED if", {"eta": 1000.0}),
    "a divergence": (
        "study/trial.py", "update {diverged.state.update}", "update {diverged.state.update + 1}", {"eta": 1.7e308},
    ),
    "curves of many points": (
        "results/run.py", "islice(curve.items(), None, None, step)",
        "islice(curve.items(), 0 if len(curve) <= 5 else 1, None, step)", {},
    ),
}  # fmt: skip


def trained(project, *changes) -> list[str]:
    """Return the digest of a small trial by the project's sources, and what a trial with each of the changes gives."""
    return json.loads(project.run("python", "-c", TRAINED, json.dumps(changes), PYTHONPATH="src"))


@pytest.fixture(scope="module")
def as_committed(finished):
    digest, *rows = trained(finished, *(changes for *_, changes in UNREACHED.values()))
    return digest, dict(zip(UNREACHED, rows, strict=True))


@pytest.mark.parametrize("place", UNREACHED)
def test_an_edit_that_changes_rows_changes_the_small_trial(project, as_committed, place):
    file, old, new, changes = UNREACHED[place]
    project.edit(f"src/charloom/{file}", old, new)
    digest, row = trained(project, changes)
    assert row != as_committed[1][place]  # so rows would mix
    assert digest != as_committed[0]
