"""Whether a change is better, by the study that has both settings; one that contradicts the base is not used."""

import json
import re
import shutil
from contextlib import chdir
from html import unescape
from pathlib import Path

import pytest
from projects import ROOT
from runs import PARAMS, a_run
from study_projects import THREE_SEEDS

from charloom.core.base.git import git
from charloom.core.config.pipeline import Project as Folder
from charloom.core.config.reading import with_overrides
from charloom.proof.change_verdict import Side, judge_change, side
from charloom.results.keys import setting_params
from charloom.study.freeze import read_study


def committed(folder: Path, study: str) -> Folder:
    """Write the files of a committed study, and those that it is read with, into a folder."""
    for name in ("dvc.yaml", "params.yaml", "signature.json", f"studies/{study}.yaml"):
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "studies" / study, folder / "studies" / study)
    return Folder(folder)


@pytest.mark.slow
def test_summary_reports_a_factor_that_is_surer_than_its_setting(tmp_path):
    """In the committed study, a smaller eta is better at m = 100; at m = 50 this is not known."""
    project, study = committed(tmp_path, "recipe"), read_study(ROOT / "studies/recipe.yaml")

    def told(*settings):
        params = [study.settings[name] for name in settings]
        runs = [next(run for run in study.runs.values() if setting_params(run.params) == setting_params(each))
                for each in params]  # fmt: skip
        return judge_change(*(Side(project, run) for run in runs))[0]

    rest = "seq_length=25 sigma=0.01"
    better_at_100 = told(f"m=100 eta=0.1 {rest}", f"m=100 eta=0.05 {rest}")
    assert better_at_100.startswith("<code>eta=0.05 against 0.1 at m=100</code>: <b>better</b>.")
    assert "<b>cannot tell yet" in told(f"m=50 eta=0.1 {rest}", f"m=50 eta=0.05 {rest}")
    committed(tmp_path, "learning_rates")  # has both settings too, with fewer seeds
    assert "by the study <code>studies/recipe</code>" in told(f"m=100 eta=0.1 {rest}", f"m=100 eta=0.05 {rest}")
    assert "<b>cannot tell yet" in told(f"m=100 eta=0.1 {rest}", "m=100 eta=0.05 seq_length=50 sigma=0.01")
    (tmp_path / "studies/recipe.yaml").unlink()
    named = "<code>AdaGrad from 0 at eta 0.05</code> against <code>AdaGrad from 0 at eta 0.1</code>: "
    assert named in told(f"m=100 eta=0.1 {rest}", f"m=100 eta=0.05 {rest}")


def sides(folder: Path, overrides: dict, bits: tuple[float, float] = (2.8, 2.6), text: str = "t") -> tuple[Side, Side]:
    other = with_overrides(PARAMS, overrides, Path("x"))
    each = zip((PARAMS, other), ("t", text), bits, strict=True)
    runs = [a_run(params, of, held_out_bits_per_character=cost) for params, of, cost in each]
    before, after = (Side(Folder(folder), run) for run in runs)
    return before, after


def test_a_table_contradicts_a_run_of_its_own_arithmetic_alone(tmp_path):
    """A change of the bits trains its studies anew: that they say other things than the base is right."""
    before, after = (committed(tmp_path / name, "initial_accumulator") for name in ("before", "after"))
    false = Side(before, a_run(held_out_bits_per_character=0.5))

    def told():
        return unescape("".join(judge_change(false, Side(after, a_run()))[1]))

    assert "<code>initial_accumulator.yaml</code> is not used: <code>studies/initial_accumulator has 2.8" in told()
    both = " for seed 1 (held_out_bits_per_character), and the results of the base 0.5. One of the two is wrong."
    assert f"{both}</code>" in told()
    signature = (ROOT / "signature.json").read_text()
    (before.root / "signature.json").write_text(re.sub("[0-9a-f]{64}", "0" * 64, signature))
    assert "not used" not in told()


def rows_left_out(folder: Path) -> None:
    """Leave out the last five seeds, everywhere."""
    table = folder / "studies/initial_accumulator/trials.csv"
    kept = [
        row for row in table.read_text().splitlines(keepends=True) if row.split(",")[1] not in {*map(str, range(6, 11))}
    ]
    table.write_text("".join(kept))
    rewrite(folder, lambda asked: asked["question"].update(seeds=[1, 2, 3, 4, 5]) or asked.update(answers=[5]))
    edit(folder / "studies/initial_accumulator.yaml", "seeds: 10", "seeds: 5")


def rewrite(folder: Path, change) -> None:
    """Change the content of asked.json."""
    path = folder / "studies/initial_accumulator/asked.json"
    change(asked := json.loads(path.read_text()))
    path.write_text(json.dumps(asked))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def other_question(folder: Path) -> None:
    edit(folder / "studies/initial_accumulator.yaml", "difference: 0.01", "difference: 0.5")
    rewrite(folder, lambda asked: asked["question"].update(smallest_difference=0.5))


def other_looks(folder: Path) -> None:
    edit(folder / "studies/initial_accumulator.yaml", "seeds: 10", "seeds: 10\nlooks: [3, 10]")
    rewrite(folder, lambda asked: asked["question"].update(looks=[3, 10]))


@pytest.mark.parametrize(("change", "lacks"), [
    (rows_left_out, "10 of the base's 20 rows"),
    (lambda folder: (folder / "studies/initial_accumulator.yaml").unlink(), "20 of the base's 20 rows"),
    (lambda folder: shutil.rmtree(folder / "studies/initial_accumulator"), "20 of the base's 20 rows"),
    (other_question, "the base's question"),
    (other_looks, "the base's looks"),
    (lambda folder: rewrite(folder, lambda asked: asked.update(answers=[])), "an answer of the base"),
])  # fmt: skip
def test_a_study_that_lacks_what_the_bases_study_has_is_not_used(tmp_path, change, lacks):
    before, after = (committed(tmp_path / name, "initial_accumulator") for name in ("before", "after"))
    change(after.root)
    params = [
        with_overrides(PARAMS, {"seed": 99, "train.initial_accumulator_value": s}, Path("x")) for s in (0.0, 10.0)
    ]
    runs = [a_run(own, held_out_bits_per_character=bits) for own, bits in zip(params, (2.8, 2.6), strict=True)]

    def told(before: Folder, after: Folder) -> str:
        sentence, blocks = judge_change(Side(before, runs[0]), Side(after, runs[1]))
        return unescape(sentence + "".join(blocks))

    assert "<b>better</b>" in told(before, before)
    sentence = told(before, after)
    line = f"studies/initial_accumulator lacks {lacks}; allowed are more seeds; another question needs another name"
    assert sentence.startswith(f"<b>not known</b>: <code>{line}</code>")
    assert f"<code>initial_accumulator.yaml</code> is not used: <code>{line}</code>" in sentence
    if change is rows_left_out:  # the other way round, seeds are added
        rewrite(before.root, lambda asked: asked.update(answers=[5, 10]))
        assert "lacks" not in told(after, before)


def test_summary_does_not_use_a_merged_question_that_shares_seeds_with_the_base(tmp_path):
    """Another file with another measure, asked before the two branches knew of each other."""
    before, after = (committed(tmp_path / name, "initial_accumulator") for name in ("before", "after"))
    rewrite(after.root, lambda asked: asked["question"].update(measure="best_held_out_bits_per_character"))
    edit(after.root / "studies/initial_accumulator.yaml", "held_out_bits", "best_held_out_bits")
    for name in ("initial_accumulator", "initial_accumulator.yaml"):
        (after.root / "studies" / name).rename(after.root / "studies" / name.replace("initial_accumulator", "later"))
    for base, used in ((before, True), (Folder(tmp_path / "empty"), False)):
        if used:
            committed(after.root, "initial_accumulator")
        sentence, blocks = judge_change(Side(base, a_run()), Side(after, a_run()))
        told = unescape(sentence + "".join(blocks))
        line = (
            "studies/initial_accumulator.yaml has shown results of train.initial_accumulator_value=0 with seeds 1 to 10"
        )
        assert (f"<code>later.yaml</code> is not used: <code>{line} in the base, and a seed" in told) == used
        assert ("<code>later.yaml</code> says: <code>better: " in told) != used


def test_a_question_that_has_not_started_reads_no_text(tmp_path):
    project = committed(tmp_path, "initial_accumulator")
    (tmp_path / "text").symlink_to("/proc/self/mem")
    (project.root / "studies/mine.yaml").write_text(f"text: {tmp_path}/text\n{THREE_SEEDS}")
    assert "mine.yaml" not in "".join(judge_change(*(Side(project, a_run()) for _ in range(2)))[1])


def test_summary_judges_equal_figures_other_texts_and_single_seeds(tmp_path):
    same = "<b>no difference</b>: held-out text costs 2.800 bits per character, as before."
    assert judge_change(*sides(tmp_path, {}, (2.8, 2.8))) == (same, [])
    for changed in ({"text": "other"}, {"overrides": {"prepare.held_out": 0.1}}):
        sentence, blocks = judge_change(*sides(tmp_path, **{"overrides": {}} | changed))
        assert sentence == ""
        assert "different held-out texts" in blocks[1]
    for changed in ({}, {"eta": 1e-5, "sigma": "fan_in", "optimizer": "adam", "train.clip": None}):
        sentence, blocks = judge_change(*sides(tmp_path, changed))
        assert sentence.startswith("<b>cannot tell</b> from one seed on each side: held-out text costs 2.600")
        assert "charloom study new" in blocks[1]
    unknown = Side(Folder(tmp_path), None)
    assert judge_change(unknown, unknown) == ("", [])


def test_a_link_out_of_the_repository_is_not_followed(project, tmp_path):
    (project.folder / "studies").mkdir(exist_ok=True)
    (project.folder / "studies/link.yaml").symlink_to("/etc/passwd")
    project.commit("a link")
    with chdir(project.folder):
        side(git("rev-parse", "HEAD"), project.folder / "head")
    link = project.folder / "head/studies/link.yaml"
    assert (link.is_symlink(), link.read_text()) == (False, "/etc/passwd")
