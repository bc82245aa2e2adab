"""The seeds of a new question are free: `charloom study new` chooses them, and advises their number."""

import re

import pytest
from projects import copied, said
from study_projects import THREE_SEEDS, TWO_SEEDS, ask
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
    (command,) = re.findall("`charloom (study new .*)`\n", printed)
    number = int(command.split()[-1])
    assert command == f"study new studies/a_again.yaml --confirms studies/a.yaml --seeds {number}"
    assert f" {number} other seeds: " in printed or f" other seeds, at least {number}: " in printed


@pytest.mark.slow
def test_one_command_confirms_a_question_with_the_advised_number_of_free_seeds(finished, tmp_path):
    project = copied(finished, tmp_path / "project")
    question = TWO_SEEDS.replace("eta: [0.1, 0.05]", "m: [2, 3]").replace("{}", "{m: 2}")
    (project.folder / "data/my.txt").write_text("Call me a text of mine, with a word or two. " * 60)
    ask(project, f"text: data/my.txt\ntitle: Which m?\nnames: {{three: {{m: 3}}}}\nlooks: [2]\n{question}")
    refusal = "--confirms: studies/a.yaml has no answer yet; `charloom study` trains and answers\n"
    again = ("study", "new", "studies/a_again.yaml", "--confirms", "studies/a.yaml")
    assert said(project, *again, code=2)[1] == refusal
    project.edit("studies/a.yaml", "looks: [2]\n", "")
    (command,) = re.findall("`charloom (.*)`\n", said(project, "study", "studies/a.yaml", "--jobs", "1")[0])
    for line in (again, tuple(command.split())):
        printed, _ = said(project, *line)
        number = int(command.split()[-1])
        assert f"made studies/a_again.yaml: 2 settings, {number} seeds: {2 * number} trainings\n" in printed
        written = parse_yaml((project.folder / "studies/a_again.yaml").read_text())
        assert written.pop("seeds") == [*range(3, 3 + number)]
        assert written == {key: x for key, x in parse_yaml((project.folder / "studies/a.yaml").read_text()).items()
                           if key != "seeds"}  # fmt: skip
        (project.folder / "studies/a_again.yaml").unlink()
    assert said(project, *again, "--seeds", "3")[0].startswith("made studies/a_again.yaml: 2 settings, 3 seeds: ")
    (project.folder / "studies/a_again.yaml").unlink()
    line = "--seeds: studies/a has shown m=2 with seed 2; `--seeds 3` takes free seeds\n"
    assert said(project, *again, "--seeds", "2-4", code=2)[1] == line
    for file, old, new in (("params.yaml", "eta: 0.1", "eta: 0.2"), ("data/my.txt", "Call me", "Call us")):
        project.edit(file, old, new)
        assert "params.yaml or the text is another than at its first start" in said(project, *again, code=2)[1]
        project.edit(file, new, old)
    assert not (project.folder / "studies/a_again.yaml").exists()
