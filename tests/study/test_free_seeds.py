"""The seeds of a new question are free: `charloom study new` chooses them, and advises their number."""

import re

import pytest
from projects import copied, said
from study_projects import THREE_SEEDS, ask
from test_seeds import SHOWN

from charloom.core.base.yaml12 import parse_yaml
from charloom.study.seeds import seed_range, yaml_of


@pytest.mark.slow
def test_a_new_question_gets_the_first_free_seeds_and_an_old_one_its_own(answered_once, tmp_path):
    project = copied(answered_once, tmp_path / "project")

    def new(name, *options):
        printed, _ = said(project, "study", "new", f"studies/{name}.yaml", *options)
        return printed, parse_yaml((project.folder / f"studies/{name}.yaml").read_text())["seeds"]

    eta = ("--vary", "eta=0.1,0.02")
    printed, seeds = new("b", *eta, "--seeds", "2")
    assert "\nseeds 4 and 5 are free: studies/a has shown eta=0.1 with seeds 1 to 3\n" in printed
    assert seeds == [4, 5]
    assert new("d", "--vary", "eta=0.2,0.02", "--seeds", "2")[1] == 2
    assert new("e", *eta, "--seeds", "20-21", "--title", "mine")[1] == [20, 21]
    line = f"--seeds: {SHOWN}seed 3; `--seeds 4` takes free seeds\n"
    assert said(project, "study", "new", "studies/f.yaml", *eta, "--seeds", "3-6", code=2)[1] == line
    same = ("--vary", "eta=0.1,0.05")
    line = "studies/f.yaml: studies/a asks the same question; `charloom study studies/a.yaml` answers it\n"
    assert said(project, "study", "new", "studies/f.yaml", *same, "--seeds", "1-4", code=2)[1] in {
        line, f"--seeds: {SHOWN}seeds 1 to 3; `--seeds 4` takes free seeds\n",
    }  # fmt: skip
    assert new("again", *same, "--seeds", "4")[1] == [4, 5, 6, 7]  # the same question, on other seeds


def test_seeds_are_named_as_a_range_or_one_by_one():
    assert [seed_range(seeds) for seeds in ([3], [4, 5], [7, 6, 8], [3, 4, 7])] == [
        "seed 3", "seeds 4 and 5", "seeds 6 to 8", "seeds 3, 4 and 7",
    ]  # fmt: skip
    assert yaml_of([4, 6]) == "`seeds: [4, 6]`"
    assert yaml_of([*range(6, 400)]) == "`seeds: [6, 7, …, 399]`"


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "says"), [("1", "an unknown number of"), ("[5, 6]", "about")])
def test_the_advice_for_a_new_study_names_a_number_only_if_the_comparison_does(finished, tmp_path, seeds, says):
    project = copied(finished, tmp_path / "project")
    question = THREE_SEEDS.replace("eta: [0.1, 0.05]", "m: [2, 3]").replace("{}", "{m: 2}")
    ask(project, question.replace("seeds: 3", f"seeds: {seeds}"))
    printed, _ = said(project, "study", "studies/a.yaml", "--jobs", "1")
    assert f"cannot tell yet, {says} " in printed
    assert f"so a verdict needs a new study, with {says} " in printed
    (free,) = re.findall(r": a copy of studies/a\.yaml with `seeds: \[(.*)\]`\n", printed)
    number = len(free.split(", "))
    assert f" {number} other seeds: " in printed or f" other seeds, at least {number}: " in printed
