"""Rows of two versions of the sources never mix, and no question is asked twice unseen: by what is claimed."""

import csv
import io
import json
from contextlib import chdir
from dataclasses import replace

import pytest
from projects import called, copied
from study_projects import ask, conducted, tables

import charloom.study.trial as trial_module
from charloom.base.errors import CharloomError, Diverged
from charloom.commands import cli
from charloom.network.adagrad import AdaGrad
from charloom.network.recipe import Recipe
from charloom.study import asking
from charloom.study.trial import small_trial, train_trial
from charloom.text import corpus
from charloom.training.protocol import Training

MEASURE = "held_out_bits_per_character"
QUESTION = f"vary: {{eta: [0.1, 0.05]}}\nbaseline: {{eta: 0.1}}\nseeds: 4\nmeasure: {MEASURE}\n"
OTHER = "0" * 16  # what a small trial comes to by other sources


def ended(project, *arguments: str) -> tuple[int, str, str]:
    """Return exit code, standard output and standard error of `charloom`; an exception that escapes is a failure."""
    with chdir(project.folder):
        return called(cli.main, "charloom", *arguments)


@pytest.fixture(scope="module")
def studied(finished, tmp_path_factory):
    project = copied(finished, tmp_path_factory.mktemp("variants") / "project")
    folder = ask(project, QUESTION)
    conducted(project)
    project.run("git", "add", "-A")
    project.run("git", "commit", "-q", "-m", "a study")
    return project, folder, tables(folder)


@pytest.fixture
def study(studied):
    """A project and its study's folder; what a test does to question, tables and kept rows is undone."""
    project, folder, made = studied
    yield project, folder
    for path in folder.iterdir():
        path.unlink()
    for name, content in made.items():
        (folder / name).write_bytes(content)
    (project.folder / "studies/a.yaml").write_text(QUESTION)
    project.run("rm", "-rf", ".charloom/studies")
    project.run("git", "checkout", "-q", "--", "params.yaml", "signature.json")
    small_trial.cache_clear()


def rows_of(folder) -> list[list[str]]:
    with (folder / "trials.csv").open(newline="") as file:
        return list(csv.reader(file))


def write_rows(folder, rows) -> None:
    content = io.StringIO()
    csv.writer(content, lineterminator="\n").writerows(rows)
    (folder / "trials.csv").write_text(content.getvalue())
    (folder / "passages.csv").unlink(missing_ok=True)  # it would contradict an edited measure


def _of_asked(**values):
    def edit(folder):
        path = folder / "asked.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return edit


def test_rows_taken_away_do_not_decide_earlier_than_was_asked(study):
    """Four seeds were asked, with one look: what two that suit say is no verdict."""
    project, folder = study
    rows = rows_of(folder)
    place = rows[0].index(MEASURE)
    for row in rows[1:]:  # two seeds that differ alike, and two that say the contrary
        row[place] = str({"0.1": 4.0, "0.05": {"1": 3.5, "2": 3.501, "3": 4.6, "4": 4.2}.get(row[1])}[row[0]])
    for kept in (rows, [row for row in rows if row[1] not in {"3", "4"}]):
        write_rows(folder, kept)
        code, printed, _ = ended(project, "compare", "studies/a")
        assert code == 0
        assert "Cannot tell yet: eta=0.05" in printed


def by_other_sources(monkeypatch) -> None:
    """Let the sources be edited: a small trial comes to something else, before and after."""
    monkeypatch.setattr(asking, "small_trial", lambda *_: OTHER)


def refused(project) -> str:
    """Return what refuses to train with other sources; nothing where it was done."""
    try:
        conducted(project)
    except CharloomError as error:
        return str(error)
    return ""


def _no_asked(folder):
    (folder / "asked.json").unlink()


@pytest.mark.parametrize(
    "edit",
    [_no_asked, _of_asked(small_trials={}), lambda folder: _drop(folder, "small_trials"),
     _of_asked(small_trials={"adagrad float32": OTHER}), lambda _: None],
    ids=["asked.json is away", "no small trial", "no key small_trials", "of another kind only", "as it was"],
)  # fmt: skip
def test_no_row_is_added_by_other_sources(study, monkeypatch, edit):
    project, folder = study
    edit(folder)
    made = tables(folder)
    by_other_sources(monkeypatch)
    assert refused(project)  # also where nothing is to train
    project.edit("studies/a.yaml", "seeds: 4", "seeds: 5")
    assert refused(project)
    assert tables(folder) == made


def _drop(folder, name):
    path = folder / "asked.json"
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != name}))


def test_asked_anew_by_other_sources_no_row_of_the_former_stays(study, monkeypatch):
    project, folder = study
    by_other_sources(monkeypatch)
    printed = conducted(project, anew=True)
    assert json.loads((folder / "asked.json").read_text())["small_trials"] == {"adagrad float64": OTHER}
    assert "8 of 8 trials to train" in printed


def test_rows_that_went_aside_do_not_come_back_to_other_sources(study, monkeypatch):
    project, _ = study
    project.edit("studies/a.yaml", "[0.1, 0.05]", "[0.1, 0.2]")
    conducted(project, anew=True)  # rows of eta 0.05 are aside
    aside = [*(project.folder / ".charloom/studies/a").glob("*/trials.csv")]
    assert aside
    by_other_sources(monkeypatch)
    project.edit("studies/a.yaml", "[0.1, 0.2]", "[0.1, 0.05]")
    assert "8 of 8 trials to train" in conducted(project, anew=True)


def test_rows_of_another_question_are_no_part_of_an_answer(study):
    project, folder = study
    asked = (folder / "asked.json").read_bytes()
    project.edit("studies/a.yaml", "seeds: 4", "seeds: 5")
    conducted(project)
    (folder / "asked.json").write_bytes(asked)
    project.edit("studies/a.yaml", "seeds: 5", "seeds: 4")
    code, _, complaint = ended(project, "compare", "studies/a")
    assert code == 2
    assert "studies/a/trials.csv: 2 rows belong to no trial of studies/a.yaml; " in complaint


@pytest.mark.parametrize("name", ["trials.csv", "asked.json"])
def test_a_study_that_was_asked_is_not_asked_anew_by_losing_a_file(study, name):
    project, folder = study
    (folder / name).unlink()
    project.edit("studies/a.yaml", MEASURE, "smooth_loss")
    code, _, complaint = ended(project, "study", "studies/a.yaml", "--jobs", "1")
    assert code == 2
    assert {"trials.csv": "changed since the first start", "asked.json": "asked.json: No such file"}[name] in complaint


TEXT = ("the quick brown fox jumps over the lazy dog, and naps. " * 40).encode()


def one_trial(folder, **changes):
    """Return what a trial comes to whose params have these changes, and so does its text, cut into its two parts."""
    path = folder / "text.txt"
    path.write_bytes(TEXT)
    found = corpus.survey(path)
    lengths = corpus.split(found.characters, 0.05)
    corpus.write_text(folder / "text.npz", found, lengths)
    text = corpus.read_prepared(folder / "text.npz")
    train = {
        "updates": 60, "loss": "sum", "order": "reading", "chunk_length": 1000, "b1": 0.9, "b2": 0.999, "eps": 1e-8,
        "initial_accumulator_value": 0.0, "clip": 5.0, "dtype": "float64", "checkpoint_every": 10,
        "save_every": 10, "target_smooth_loss": 30.0, "held_out_characters": 900,
    } | {name: value for name, value in changes.items() if name not in {"m", "eta", "seed"}}  # fmt: skip
    params = trial_module.Params.model_validate(
        {"m": 8, "eta": 0.1, "seq_length": 10, "sigma": 0.01, "seed": 1, "batch": 1, "optimizer": "adagrad",
         "prepare": {"text": "-", "held_out": 0.05}, "gradcheck": {"tolerance": 1.0, "entries": 1, "seed": 1},
         "train": train, "sample": {"length": 1, "best_length": 1, "temperature": 1.0}}
        | {name: value for name, value in changes.items() if name in {"m", "eta", "seed"}}
    )  # fmt: skip
    run = train_trial(params, text, "")
    return run.outcome, run.metrics, run.curves, run.results


def _accumulator(patch):
    """AdaGrad starts from twice what is asked."""
    patch.setattr(AdaGrad, "starts", property(lambda self: (2 * float(self.initial_accumulator_value),)))


def _split(patch):
    """A tenth more text is held out than is asked."""
    right = corpus.split
    for module in (corpus, trial_module):
        patch.setattr(module, "split", lambda characters, part: right(characters, 1.1 * part))


def _seed(patch):
    """Every other seed is that of another one."""
    right = Recipe.initial
    patch.setattr(Recipe, "initial", lambda self, K, seed: right(self, K, seed + 5 if seed > 1 else seed))


def _worse(patch):
    """Nothing is ever called worse than uniform."""
    patch.setattr(trial_module, "outcome_of", lambda *_: "trained")


def _diverged(patch):
    """A divergence is told one update too late."""
    right = Training.blocks

    def blocks(*given, **named):
        try:
            yield from right(*given, **named)
        except Diverged as error:
            raise Diverged(str(error), replace(error.state, update=error.state.update + 1)) from None

    patch.setattr(Training, "blocks", blocks)


def _thinned(patch):
    """Long curves are thinned to their second half."""
    right = trial_module.thinned
    patch.setattr(trial_module, "thinned", lambda curve, most: right(curve, most) if len(curve) <= 5 else {})


UNREACHED = {
    "what AdaGrad starts from, above 0": (_accumulator, {"initial_accumulator_value": 10.0}),
    "how a text is cut into training and held out": (_split, {}),
    "another seed than 1": (_seed, {"seed": 2}),
    "an end worse than uniform": (_worse, {"eta": 1000.0}),
    "a divergence": (_diverged, {"eta": 1.7e308}),
    "curves of many points": (_thinned, {}),
}


@pytest.mark.parametrize("place", UNREACHED)
def test_an_edit_that_changes_rows_changes_the_small_trial(tmp_path, monkeypatch, place):
    edit, changes = UNREACHED[place]
    before, digest = one_trial(tmp_path, **changes), small_trial("adagrad float64")
    edit(monkeypatch)
    small_trial.cache_clear()
    try:
        assert one_trial(tmp_path, **changes) != before  # so rows would mix
        assert small_trial("adagrad float64") != digest
    finally:
        monkeypatch.undo()
        small_trial.cache_clear()
