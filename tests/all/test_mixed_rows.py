"""Rows that are lost, taken away, or of other sources or another question decide nothing."""

import csv
import io
import json

import pytest
from projects import said
from study_projects import ask, conducted, tables

MEASURE = "held_out_bits_per_character"
QUESTION = f"vary: {{eta: [0.1, 0.05]}}\nbaseline: {{eta: 0.1}}\nseeds: 4\nmeasure: {MEASURE}\n"


def test_rows_taken_away_do_not_decide_earlier_than_was_asked(project):
    """Four seeds were asked, with one look: what two that suit say is no verdict."""
    folder = ask(project, QUESTION)
    conducted(project)
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


def test_a_lost_file_asks_nothing_anew_and_rows_of_another_question_are_no_answer(project):
    folder = ask(project, QUESTION)
    conducted(project)
    made, question = tables(folder), project.folder / "studies/a.yaml"
    lines = {"trials.csv": (2, "changed since the first start"), "asked.json": (3, "asked.json: No such file or direc")}
    for name, (code, line) in lines.items():
        (folder / name).unlink()
        question.write_text(QUESTION.replace(MEASURE, "smooth_loss"))
        assert line in said(project, "study", "studies/a.yaml", "--jobs", "1", code=code)[1]
        (folder / name).write_bytes(made[name])
    question.write_text(QUESTION.replace("seeds: 4", "seeds: 5"))
    conducted(project)
    (folder / "asked.json").write_bytes(made["asked.json"])
    question.write_text(QUESTION)
    complaint = said(project, "compare", "studies/a", code=2)[1]
    assert "studies/a/trials.csv: 2 rows belong to no trial of studies/a.yaml; " in complaint


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
