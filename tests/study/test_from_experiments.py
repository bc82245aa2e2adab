"""What Git holds of DVC's experiments becomes what was measured; what cannot be compared is left out, and said."""

import json
import math
from contextlib import chdir
from pathlib import Path

import experiments
import pytest
from experiments import git, run
from projects import ROOT, Project

from charloom.core.base.errors import WrongInput
from charloom.core.config.records import Measure
from charloom.study.from_experiments import measure_experiments
from seedpairs import Measured, Measurement

TRAIN = json.loads((ROOT / "metrics/train.json").read_text())
OWN = Measurement(TRAIN["held_out_bits_per_character"])
COMMITTED = ("params.yaml", "dvc.yaml", "dvc.lock", "metrics/train.json", "metrics/prepare.json", "src/train.py")
CURVES = ("plots/smooth_loss.csv", "plots/held_out.csv")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository whose HEAD is our own committed run, as far as it is read."""
    for name in (*COMMITTED, *CURVES):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    git(tmp_path, "init", "-q", "-b", "main")
    committed(tmp_path)
    return tmp_path


def committed(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=a test", "-c", "user.email=test@example.invalid", "commit", "-q", "-m", "a run")


def read(folder: Path, *arguments: str, **options) -> Measured:
    with chdir(folder):
        return measure_experiments(*arguments, **options)


def found(folder: Path, **runs: dict[str, str]) -> Measured:
    """Commit the runs as experiments, and return what is measured."""
    experiments.commit(folder, runs)
    return read(folder)


def refusal(folder: Path, *arguments: str) -> str:
    with pytest.raises(WrongInput) as refused:
        read(folder, *arguments)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_settings_are_the_differing_params_and_heads_is_the_baseline(folder):
    runs = [run(2.7, eta=0.1, seed=2, below=900), run(2.6, eta=0.05), run(9.0, eta=1), run(2.5, eta=1, seed=2)]
    own = found(folder, **{f"exp-{n}": files for n, files in enumerate(runs)})
    assert own.baseline == "eta=0.1"
    assert own.settings == {
        "eta=0.1": {1: OWN, 2: Measurement(2.7, reached=900)},
        "eta=0.05": {1: Measurement(2.6)},
        "eta=1": {1: Measurement(9.0, exploded=True), 2: Measurement(2.5)},
    }
    assert [list(own.settings), list(own.settings["eta=1"])] == [["eta=0.1", "eta=0.05", "eta=1"], [1, 2]]
    assert (own.target, own.budget, own.warnings, own.curves) == ("smooth loss below 40", 100_000, (), {})


def test_experiments_of_two_optimisers_are_compared_and_put_in_order(folder):
    runs = {"a": run(2.7, sigma="fan_in", optimizer="adam", clip="null"), "b": run(2.6, initial_accumulator_value=10)}
    assert list(found(folder, **runs).settings) == [
        "sigma=0.01 optimizer=adagrad train.initial_accumulator_value=0 train.clip=5",
        "sigma=0.01 optimizer=adagrad train.initial_accumulator_value=10 train.clip=5",
        "sigma=fan_in optimizer=adam train.clip=null",
    ]


def test_an_equal_run_counts_once_and_conflicting_results_of_head_or_newest_win(folder):
    """What cannot matter makes no setting."""
    own = found(folder, again=run(OWN.value), saved=run(OWN.value, save_every=77), other=run(2.0, eta=0.2))
    assert own.settings == {"eta=0.1": {1: OWN}, "eta=0.2": {1: Measurement(2.0)}}
    assert own.warnings == ()
    for name in ("stash", "exec/EXEC_HEAD", "celery/stash"):  # DVC's own refs are no experiments
        git(folder, "update-ref", f"refs/exps/{name}", "HEAD")
    assert read(folder) == own
    (warning,) = found(folder, a=run(2.1, eta=0.2), c=run(1.0)).warnings
    assert "different results: eta=0.1, seed 1 and 1 more; the first of each counts" in warning
    assert read(folder).settings == {"eta=0.1": {1: OWN}, "eta=0.2": {1: Measurement(2.0)}}


def test_experiments_of_another_commit_count_too(folder):
    """Also if two have one name, and one is named HEAD."""
    experiments.commit(folder, {"tame": run(2.7, eta=0.2), "HEAD": run(2.5, eta=0.3)})
    Project(folder).edit("src/train.py", "train", "Train")
    committed(folder)
    own = found(folder, tame=run(2.6, eta=0.2, seed=2))
    assert list(own.settings["eta=0.2"]) == [1, 2]
    assert own.settings["eta=0.3"] == {1: Measurement(2.5)}
    assert own.warnings == ("the runs come from 2 states of src: edits of code are a difference between them, too",)


def test_a_model_that_guesses_uniformly_but_for_rounding_has_not_exploded(folder):
    own = found(folder, one=run(math.nextafter(math.log2(83), 9), sigma=1e-12), two=run(6.5, sigma=9.0))
    exploded = {name: trials[1].exploded for name, trials in own.settings.items()}
    assert exploded == {"sigma=1e-12": False, "sigma=0.01": False, "sigma=9": True}


def test_an_experiment_from_before_a_param_existed_is_read(folder):
    params = (folder / "params.yaml").read_text()
    without = [line for line in params.splitlines(keepends=True) if not line.startswith("optimizer: ")]
    (folder / "params.yaml").write_text("".join(without))
    experiments.commit(folder, {"early": experiments.of(folder, 2.7, eta=0.2)})
    (folder / "params.yaml").write_text(params)
    assert read(folder).settings["eta=0.2"] == {1: Measurement(2.7)}


def test_another_text_another_part_of_it_and_another_version_are_no_comparison(folder):
    other = (ROOT / "metrics/prepare.json").read_text().replace('"sha256": "', '"sha256": "0')
    good = run(2.7, eta=0.2)
    runs = {
        **{f"text-{n}": run(1.0, eta=0.3, seed=n) | {"metrics/prepare.json": other} for n in range(3)},
        "part": run(1.0, eta=0.3, held_out=0.1), "read": run(1.0, eta=0.3, held_out_characters=9),
        "good": good, "key": good | {"params.yaml": good["params.yaml"] + "new_key: 1\n"},
        "yaml": good | {"params.yaml": "eta: ["}, "json": good | {"metrics/train.json": "{}"},
    }  # fmt: skip
    own = found(folder, **runs)
    assert list(own.settings) == ["eta=0.1", "eta=0.2"]
    assert set(own.warnings) == {
        "5 runs left out: another text, or another part of it held out",
        "2 runs left out: params.yaml of another version of charloom",
        "1 run left out: metrics of another version of charloom",
    }


def test_results_that_head_has_of_other_params_are_left_out(folder):
    Project(folder).edit("params.yaml", "eta: 0.1 ", "eta: 0.3 ")
    committed(folder)
    experiments.commit(folder, {"a": run(2.7, eta=0.2), "b": run(2.6, eta=0.4)})
    line = "--baseline: HEAD's own setting has no results; name another setting; allowed are eta=0.2, eta=0.4"
    assert refusal(folder).startswith(line)
    own = read(folder, baseline="eta=0.2")
    assert "eta=0.1" not in own.settings
    assert "dvc.lock has other params" in own.warnings[0]


def test_another_measure_is_one_of_the_trainings_and_fits_what_is_compared(folder):
    experiments.commit(folder, {"one": run(2.7, eta=0.2)})
    assert read(folder, "smooth_loss").settings["eta=0.1"][1].value == TRAIN["smooth_loss"]
    assert refusal(folder, "smoth_loss").endswith("did you mean smooth_loss?")
    assert "best_update" not in list(Measure)
    experiments.commit(folder, {"two": run(2.7, seq_length=50)})
    assert "cannot compare settings that differ" in refusal(folder, "smooth_loss")
    assert read(folder).target == ""
    none = json.dumps(TRAIN | {"held_out_bits_per_character": None})
    experiments.commit(folder, {str(n): run(1, eta=0.2, seed=n) | {"metrics/train.json": none} for n in (1, 2)})
    assert "no text was held out, so runs have no held_out_bits_per_character" in refusal(folder)


def test_runs_without_a_measure_are_not_runs_without_held_out_text(folder):
    measure = "best_held_out_bits_per_character"
    older = json.dumps(TRAIN | {measure: None})
    experiments.commit(folder, {str(n): run(2.7, eta=0.2, seed=n) | {"metrics/train.json": older} for n in (1, 2)})
    line = f"--measure: 2 runs of another version of charloom without {measure}; `dvc exp run` trains them again"
    assert refusal(folder, measure).startswith(line)
    assert read(folder).settings["eta=0.2"].keys() == {1, 2}


@pytest.mark.parametrize("content", ["eta: [", "eta: 0.1\n", "- 1\n", "", None])
def test_a_comparison_without_runs_says_what_to_do(folder, tmp_path_factory, content):
    assert "only one setting in 1 run; `dvc exp run -S eta=0.05` makes another" in refusal(folder)
    experiments.commit(folder, {"seed": run(2.7, seed=2)})
    assert "only one setting in 2 runs" in refusal(folder)
    assert "not a Git repository" in refusal(tmp_path_factory.mktemp("empty"))
    if content is None:  # nor has it a commit
        git(folder, "update-ref", "-d", "HEAD")
    else:
        (folder / "params.yaml").write_text(content)
        committed(folder)
    refused = "HEAD: this commit has no params.yaml that this version of charloom can read; commit a valid params.yaml"
    assert refusal(folder) == refused


def test_a_project_in_a_folder_of_a_repository_is_read(folder, tmp_path_factory):
    outer = tmp_path_factory.mktemp("outer")
    (folder / ".git").rename(folder / "unused")
    folder.rename(outer / "inner")
    git(outer, "init", "-q")
    committed(outer)
    experiments.commit(outer, {"one": {f"inner/{name}": text for name, text in run(2.7, eta=0.2).items()}})
    assert len(read(outer / "inner").settings) == 2
