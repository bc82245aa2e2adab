"""`charloom compare`: where it reads from, what it prints, and every wrong request in a line."""

import json
from itertools import product

import experiments
import pytest
from projects import Project, copied, said
from study_projects import ask, conducted

STUDY = "vary: {eta: [0.1, 0.2]}\nbaseline: {eta: 0.1}\nseeds: 2\nmeasure: held_out_bits_per_character\n"
LOOKS = "allowed is a list of increasing numbers of seeds from 2 to 1,000,000, such as 3,5,10"


@pytest.fixture(scope="module")
def project(finished, tmp_path_factory) -> Project:
    """A finished project; nothing in it is written to."""
    return copied(finished, tmp_path_factory.mktemp("compare") / "project")


@pytest.mark.parametrize(("last", "code", "line"), [
    (1.2, 0, ""), (9.0, 6, "--require better: cannot tell yet: eta=0.2\n"),
])  # fmt: skip
def test_a_requirement_ends_with_the_code_of_its_verdict_and_names_the_setting(project, tmp_path, last, code, line):
    project = copied(project, tmp_path / "project")
    for eta, seed in product((0.1, 0.2), range(1, 7)):
        cost = (last if seed == 6 else 1.2) if eta == 0.2 else 2.5
        run = experiments.of(project.folder, cost + 0.01 * seed, eta=eta, seed=seed)
        experiments.commit(project.folder, {f"exp-{eta}-{seed}": run})
    assert said(project, "compare", "--require", "better", code=code)[1] == line
    worse = said(project, "compare", "--baseline", "eta=0.2", "--require", "better", code=(code and 6) or 1)[1]
    assert worse.startswith("--require better: ")
    (compared,) = json.loads(said(project, "compare", "--format", "json")[0])["comparisons"]
    assert compared["setting"] == "eta=0.2"
    printed = said(project, "compare", "--figure", str(tmp_path / "new/picture.svg"))[0]
    assert printed == said(project, "compare")[0]
    assert (tmp_path / "new/picture.svg").read_text().count("eta=0.2")


def test_compare_without_a_source_uses_the_experiments_of_this_repository(project, tmp_path):
    project = copied(project, tmp_path / "project")
    for eta, seed in product((0.2, 0.3), (1, 2)):
        run = experiments.of(project.folder, 1 + eta, eta=eta, seed=seed)
        experiments.commit(project.folder, {f"exp-{eta}-{seed}": run})
    printed, _ = said(project, "compare", "--baseline", "eta=0.2")
    assert "eta=0.3: " in printed
    assert "difference 0.1000 (higher)" in printed


@pytest.mark.slow
def test_a_study_is_named_by_its_folder_or_its_file(project, tmp_path):
    project = copied(project, tmp_path / "project")
    ask(project, STUDY, "eta")
    conducted(project, "eta")
    printed, _ = said(project, "compare", "studies/eta")
    assert "eta=0.2: cannot tell yet" in printed
    for name in ("studies/eta.yaml", "studies/eta/"):
        assert said(project, "compare", name)[0] == printed
    complaint = said(project, "compare", "studies/eta", "--measure", "loss", code=2)[1]
    assert "--measure: not allowed with studies/eta" in complaint


@pytest.mark.parametrize(("arguments", "line"), {
    ("--figure", "a.gif"): "--figure: a.gif is not allowed; allowed is a name that ends in .svg",
    ("--looks", "3,3"): f"--looks: 3,3 is not allowed; {LOOKS}",
    ("--smallest-difference", "-1"): "--smallest-difference: -1 is not allowed; allowed is a number above 0",
    ("results.csv",): "results.csv: this file is a table, not a study; `seedpairs` compares a table's rows",
    ("HEAD",): "HEAD.yaml: No such file or directory; two runs are compared by their two names, such as `charloom "
    "compare HEAD workspace`",
    (): "DVC's experiments and HEAD: only one setting in 1 run; `dvc exp run -S eta=0.05` makes another setting, "
    "`charloom study FILE` many",
}.items(), ids=repr)  # fmt: skip
def test_a_wrong_request_gets_one_line_and_writes_nothing(project, arguments, line):
    before = sorted(project.folder.rglob("*"))
    assert said(project, "compare", *arguments, code=2) == ("", f"{line}\n")
    assert sorted(project.folder.rglob("*")) == before
