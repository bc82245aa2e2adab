"""What a study's file may say, and the one line that a wrong one gets."""

import os
import re
import shlex
from contextlib import chdir
from pathlib import Path

import pytest
from projects import SMALL, make, said
from study_projects import QUESTION, ask, conducted, tables

from charloom.core.config.reading import read_params
from charloom.study.freeze import freeze_question, read_study
from charloom.study.measuring import study_measurements
from charloom.study.study_file import read_question

# What stands in the question, what is written instead, and what the line says after the file's name.
ETA, LOOKS = "eta: [0.1, 0.05]", "looks: [2, 4]"
WRONG = [
    ("vary: {", "vray: {", "vray: unknown key; allowed are text, vary, settings, baseline, seeds"),
    (ETA, "etta: [0.1, 0.05]", "etta: not a param that a study can vary; allowed are m, eta, seq_length"),
    (ETA, "seed: [1, 2]", "seed: not a param that a study can vary; allowed are m, eta"),
    (ETA, "prepare.held_out: [0, 0.1]", "prepare.held_out: not a param that a study can vary"),
    (ETA, "eta: [0.1, fast]", "eta: 'fast' is a text, not a number: write it as 100, 0.1 or 1e-5"),
    (ETA, "eta: []", "vary.eta: [] is not allowed"),
    (ETA, "eta: [0.1, 0.10]", "vary: train.initial_accumulator_value=0 occurs twice"),
    (f"vary: {{{ETA}, train.initial_accumulator_value: [0.0, 10.0]}}", "", "vary, settings: give one of these two"),
    (ETA, "train.checkpoint_every: [1, 2]", "train.checkpoint_every: all settings need the same value, "),
    (ETA, "train.b1: [0.8, 0.7]", "vary: train.initial_accumulator_value=0 occurs twice; params without effect do not"),
    ("baseline: {}", "", "baseline: the key is missing; add it"),
    ("baseline: {}", "baseline: {train.clip.x: 1}", "train.clip.x: not a param that a study can vary; "),
    ("seeds: 4", "seeds: 0", "seeds: [] is not allowed"),
    ("seeds: 4", "seeds: few", "seeds: 'few' is not allowed"),
    ("seeds: 4", "seeds: [1, 1, 2, 3]", "seeds: [1, 1, 2, 3] is not allowed; each seed may occur only once"),
    ("seeds: 4", "seeds: [1, -2]", "seeds.1: -2 is not allowed"),
    (LOOKS, "looks: [2, 3]", "looks: [2, 3] is not allowed; allowed are increasing numbers of seeds"),
    (LOOKS, "looks: [1, 4]", "looks: [1, 4] is not allowed; allowed are increasing numbers of seeds from 2 to 4"),
    (LOOKS, "looks: [4, 2]", "looks: [4, 2] is not allowed"),
    ("held_out_bits_per_character", "no_measure", "measure: 'no_measure' is not allowed"),
    ("seeds: 4", f"title: {'x' * 121}\nseeds: 4", f"title: {'x' * 80} is not allowed; allowed is one line"),
    ("seeds: 4", 'title: "a\\e[31mb"\nseeds: 4', "title: a\\x1b[31mb is not allowed; allowed is one line"),
    *(
        (
            QUESTION,
            QUESTION.replace(ETA, varied).replace("held_out_bits_per_character", "smooth_loss"),
            "measure: smooth_loss cannot compare settings that differ in ",
        )
        for varied in ("seq_length: [10, 20]", "train.order: [reading, positions]", "batch: [1, 2]")
    ),
    (
        QUESTION,
        QUESTION.replace(ETA, "seq_length: [10, 20]").replace("held_out_bits", "lowest_held_out_part_bits"),
        "measure: lowest_held_out_part_bits_per_character cannot compare settings that differ in seq_length, batch or",
    ),
    *(
        (LOOKS, f"names: {{{names}}}\n{LOOKS}", line)
        for names, line in (
            (
                "A: {eta: 0.2}",
                "names: A: no setting with these values; allowed are eta=0.1 train.initial_accumulator_value=0, ",
            ),
            ("A: {etta: 0.1}", "etta: not a param that a study can vary; allowed are m, eta, seq_length"),
            (
                "A: {eta: 0.1}, B: {}",
                "names: B: eta=0.1 train.initial_accumulator_value=0 already has the name A; allowed is",
            ),
            ("A: {}, A: {eta: 0.05}", "line 4: "),
            ("A: {}, 'A ': {eta: 0.05}", "names: A: two settings have this name; allowed are different names"),
            (
                "eta=0.1 train.initial_accumulator_value=0: {eta: 0.05}",
                "names: eta=0.1 train.initial_accumulator_value=0: two",
            ),
            ("'': {}", "names: nothing is not allowed; allowed is one line of 1 to 60 printable characters"),
            ("'  ': {}", "names:    is not allowed; allowed is one line"),
            (f"{'x' * 61}: {{}}", f"names: {'x' * 61} is not allowed; allowed is one line"),
            ('"a\\nb": {}', "names: a\\nb is not allowed; allowed is one line"),
            ('"a\\nb": 3', "names.a\\nb: 3 is not allowed"),
            ('"a\\u202eb": {}', "names: a\\u202eb is not allowed; allowed is one line"),
            ("10: {}", "names.10.[key]: 10 is not allowed"),
            ("A: [0.1]", "names.A: [0.1] is not allowed"),
        )
    ),
    (LOOKS, f"names: A\n{LOOKS}", "names: 'A' is not allowed"),
    *(
        (ETA, f"eta: {values}", f"vary: eta: a comma separates two values; a decimal has a point: {points}")
        for values, points in (("[0,05, 0.1]", "0.05,0.1"), ("[ 0.1,0,05 ]", "0.1,0.05"), ("[0,05, 0,1]", "0.05,0.1"))
    ),
    (QUESTION, "[]", "contains []; allowed are the keys text, vary, settings, baseline"),
    (QUESTION, "vary: {eta: [0.1", "line 2: not YAML"),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = make(tmp_path_factory.mktemp("study") / "project", SMALL)
    (project.folder / ".charloom/studies").mkdir(parents=True)  # where a study's lock is
    return project


@pytest.mark.parametrize(("old", "new", "line"), WRONG)
def test_a_wrong_file_gets_one_line_and_nothing_is_written(project, old, new, line):
    folder = ask(project, QUESTION.replace(old, new, 1))
    before = sorted(os.walk(project.folder))
    printed, complaint = said(project, "study", "studies/a.yaml", code=2)
    assert printed == ""
    assert complaint.count("\n") == 1
    assert complaint.startswith(f"studies/a.yaml: {line}")
    assert sorted(os.walk(project.folder)) == before
    assert not folder.exists()


@pytest.mark.slow
def test_a_title_and_names_are_no_part_of_the_question(project):
    """They may come, change and go: keys and asked.json stay as they are, and nothing is trained again."""
    title, question = "title: Était-il une fois? 日本\n", QUESTION.replace("seeds: 4", "seeds: [5, 6, 7, 8]")
    names = "names: {A: {}, B: {eta: 0.05}}\n"
    folder = ask(project, title + names + question, "named")
    assert "8 of 16 trials to train" in conducted(project, "named")
    with chdir(project.folder):
        before, asked = tables(folder), read_study(Path("studies/named.yaml"))
        assert b"title" not in before["asked.json"]
        assert b"names" not in before["asked.json"]
        for words in (title, "title: Another\n", ""):
            ask(project, words + names + question, "named")
            names = names.replace("A", "C") if words else ""
            study = read_study(Path("studies/named.yaml"))
            assert (study.question_key, study.runs, study.frozen) == (asked.question_key, asked.runs, asked.frozen)
            assert study_measurements(study).title == words.removeprefix("title: ").strip()
            assert conducted(project, "named") == ""
            assert tables(folder) == before


def test_a_name_is_for_the_setting_that_has_the_values(project):
    """Also if all settings have another value than params.yaml in a further param."""
    fixed = QUESTION.replace("vary: {", "vary: {train.updates: [50], ").replace(
        "baseline: {}", "baseline: {train.updates: 50}"
    )
    with chdir(project.folder):
        for names, complaint in (
            ("A: {eta: 0.05, train.initial_accumulator_value: 10}", ""),
            ("A: {eta: 0.05}", "more"),
        ):
            ask(project, f"{fixed}names: {{{names}}}\n", "fixed")
            if not complaint:
                study = freeze_question(Path("studies/fixed.yaml"), read_question(Path("studies/fixed.yaml")))
                assert study.names == {"eta=0.05 train.initial_accumulator_value=10": "A"}
            else:
                assert "names: A: more than one setting with" in said(project, "study", "studies/fixed.yaml", code=2)[1]


PROOF = "cannot be combined with --prove, which rebuilds rows with the pipeline\n"
WRONG_OPTIONS = [
    ("--jobs ''", "--jobs: '' is not allowed; allowed is a whole number"),
    ("--jobs 0", "--jobs: 0 is not allowed; allowed is a whole number"),
    ("--prove many", "--prove: many is not allowed; allowed is a whole number"),
    ("--dask ''", "--dask: nothing is not allowed; allowed is a scheduler's address"),
    ("--dask nowhere", "--dask: nowhere is not allowed; allowed is a scheduler's address"),
    ("--anew --prove 1", f"--anew: {PROOF}"),
    ("--jobs 2 --prove 1", f"--jobs: {PROOF}"),
    ("--dask tcp://host:8786 --prove 1", f"--dask: {PROOF}"),
]
NO_FILES = {
    "studies/textless.yaml": "none.txt: No such file or directory; allowed is a text file in UTF-8\n",
    "studies/none.yaml": "studies/none.yaml: No such file or directory\n",
    "studies": "studies: not a study's file; allowed is a name that ends in .yaml, such as studies/eta.yaml\n",
}


def test_a_wrong_option_and_what_is_no_file_get_one_line(project):
    folder = ask(project)
    ask(project, f"text: none.txt\n{QUESTION}", "textless")
    for options, line in [*((f"studies/a.yaml {options}", line) for options, line in WRONG_OPTIONS), *NO_FILES.items()]:
        complaint = said(project, "study", *shlex.split(options), code=2)[1]
        assert (complaint.startswith(line), complaint.count("\n")) == (True, 1), complaint
    assert not folder.exists()


def test_a_text_of_which_nothing_is_held_out_has_no_such_measure(project):
    folder = ask(project)
    params = (project.folder / "params.yaml").read_text()
    project.edit("params.yaml", "held_out: 0.05", "held_out: 0")
    complaint = said(project, "study", "studies/a.yaml", code=2)[1]
    (project.folder / "params.yaml").write_text(params)
    line = "studies/a.yaml: measure: held_out_bits_per_character: 0 characters of data/fox.txt are"
    assert complaint.startswith(line)
    assert not folder.exists()


LIST = "settings: [{eta: 0.05}, {eta: 0.2, sigma: 0.1}]\nbaseline: {}\nseeds: [7, 3]\nmeasure: smooth_loss\n"
OPTIMIZERS = """settings:
  - {train.initial_accumulator_value: 10.0}
  - {optimizer: adam, train.b1: 0.8, sigma: fan_in, train.clip: null}
"""
GRID = [f"eta={eta} train.initial_accumulator_value={start}" for eta in ("0.1", "0.05") for start in (0, 10)]
SETTINGS = {  # the question, and the names of its settings, the baseline first
    "a grid is each with each": (QUESTION, GRID),
    "a baseline of minus zero is that of zero": (
        QUESTION.replace("baseline: {}", "baseline: {train.initial_accumulator_value: -0.0}"), GRID,
    ),
    "a comma in a title and a seed that begins with 0 are no decimals": (
        QUESTION.replace("seeds: 4", "seeds: [01, 02,03, 04]  # not 0,05\ntitle: Is 0,05 better?"), GRID,
    ),
    "a baseline that is no setting is one more": (
        LIST, ["eta=0.1 sigma=0.01", "eta=0.05 sigma=0.01", "eta=0.2 sigma=0.1"],
    ),
    "a rate stands in the names of the settings whose optimiser has it": (
        re.sub("vary: .*\n", OPTIMIZERS, QUESTION),
        ["sigma=0.01 optimizer=adagrad train.initial_accumulator_value=0 train.clip=5",
         "sigma=0.01 optimizer=adagrad train.initial_accumulator_value=10 train.clip=5",
         "sigma=fan_in optimizer=adam train.b1=0.8 train.clip=null"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", SETTINGS)
def test_settings_are_named_by_their_differences_and_inherit_params_yaml(project, kind):
    question, names = SETTINGS[kind]
    with chdir(project.folder):
        study = read_study(ask(project, question).with_suffix(".yaml"))
        assert study.settings[study.baseline] == read_params()
    assert list(study.settings) == names
    assert study.baseline == names[0]
    seeds = ([7, 3], []) if question == LIST else ([1, 2, 3, 4], [2, 4])
    assert (study.question.seeds, study.question.looks) == seeds
