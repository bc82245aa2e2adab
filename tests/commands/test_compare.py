"""`charloom compare`: where it reads from, what it prints, and every wrong request in a line."""

import json
from itertools import product

import experiments
import pytest
from projects import Project, copied, said
from study_projects import ask, conducted

ROWS = [f"{lr},{seed},{2 + lr + 0.01 * (seed * 7 % 5)}\n" for lr in (0.5, 0.1) for seed in range(6)]
OF_TABLE = ("--table", "results.csv", "--setting", "lr", "--seed", "seed", "--measure", "loss", "--better", "lower")
STUDY = "vary: {eta: [0.1, 0.2]}\nbaseline: {eta: 0.1}\nseeds: 2\nmeasure: held_out_bits_per_character\n"
LOOKS = "allowed is a list of increasing numbers of seeds from 2 to 1,000,000, such as 3,5,10"


@pytest.fixture(scope="module")
def project(finished, tmp_path_factory) -> Project:
    """A finished project with a table; nothing in it is written to."""
    project = copied(finished, tmp_path_factory.mktemp("compare") / "project")
    (project.folder / "results.csv").write_text("".join(["lr,seed,loss\n", *ROWS]))
    return project


def table(project: Project, *arguments: str) -> str:
    return said(project, "compare", *OF_TABLE, *arguments)[0]


def test_the_words_of_a_comparison_reverse_with_better_and_with_the_baseline(project):
    printed = table(project)
    assert printed.startswith("loss: lower is better. Baseline: lr=0.5\n")
    assert "lr=0.1: better\n" in printed
    assert "difference −0.4000 (lower)" in printed
    assert "lr=0.1: worse\n" in table(project, "--better", "higher")
    assert "lr=0.5: worse\n" in table(project, "--baseline", "0.1")
    printed = table(project, "--looks", "3,6", "--smallest-difference", "0.5")
    assert "looks at 3 and 6 seeds; differences below 0.5" in printed.replace("\n  ", " ")
    assert "lr=0.1: no difference that matters\n" in printed


@pytest.mark.parametrize(("first", "code", "line"), [
    (0, 0, ""), (20, 1, "--require better: not met by lr=0.1\n"), (9, 6, "--require better: cannot tell yet: lr=0.1\n"),
])  # fmt: skip
def test_a_requirement_ends_with_the_code_of_its_verdict_and_names_the_setting(project, tmp_path, first, code, line):
    values = {"0.5": [*range(10, 16)], "0.1": [first + n for n in (3, 1, 2, 6, 4, 5)]}
    rows = [f"{lr},{seed},{value}\n" for lr, own in values.items() for seed, value in enumerate(own)]
    (tmp_path / "t.csv").write_text("".join(["lr,seed,loss\n", *rows]))
    options = ("--table", str(tmp_path / "t.csv"), *OF_TABLE[2:], "--require", "better")
    assert said(project, "compare", *options, code=code)[1] == line


def test_each_format_is_what_its_name_says(project):
    (compared,) = json.loads(table(project, "--format", "json"))["comparisons"]
    assert (compared["setting"], compared["n"], compared["verdict"]) == ("lr=0.1", 6, "better")
    assert table(project, "--format", "json", "--explain") == table(project, "--format", "json")
    verdict, *_ = markdown = table(project, "--format", "markdown").split("\n")
    assert verdict == "**better: lr=0.1**"
    assert any(line.startswith("| lr=0.1 | 6 |") for line in markdown)
    assert "\nlr=0.1 & 6 & " in table(project, "--format", "latex")


@pytest.mark.slow
def test_an_encoding_without_a_minus_sign_gets_a_hyphen_and_escapes(project, tmp_path):
    (tmp_path / "t.csv").write_text("".join(["lr,seed,loss\n", *ROWS]).replace("0.5", "0…5"))
    options = ("--table", str(tmp_path / "t.csv"), *OF_TABLE[2:])
    printed = project.run("charloom", "compare", *options, PYTHONIOENCODING="latin-1")
    assert "Baseline: lr=0\\u20265\n" in printed
    assert "difference -0.4000 (lower), 95 % interval -0.4000 to -0.4000, 6 seeds" in printed


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
    (*OF_TABLE, "--figure", "a.gif"): "--figure: a.gif is not allowed; allowed is a name that ends in .svg",
    (*OF_TABLE, "--looks", "3,3"): f"--looks: 3,3 is not allowed; {LOOKS}",
    (*OF_TABLE, "--smallest-difference", "-1"): "--smallest-difference: -1 is not allowed; allowed is a number above 0",
    (*OF_TABLE, "--table", "none.csv"): "none.csv: No such file or directory; allowed is a CSV table in UTF-8",
    (*OF_TABLE, "--measure", "los"): "results.csv: no column los; allowed are lr, seed, loss; did you mean loss?",
    (*OF_TABLE, "--baseline", "0.2"): "results.csv: no setting 0.2; allowed are lr=0.5, lr=0.1",
    (*OF_TABLE, "studies/none"): "--table: cannot be combined with studies/none: give only one",
    ("--setting", "lr"): "--setting: names a column, so it needs --table FILE",
    ("--table", "results.csv", "--seed", "seed"): "--table: also needs --setting COLUMN",
    OF_TABLE[:-2]: "--table: also needs --better lower or higher for loss",
    (*OF_TABLE[:-3], "los"): "results.csv: no column los; allowed are lr, seed, loss; did you mean loss?",
    ("results.csv",): "results.csv: this file is a table, not a study; for a table give --table FILE, --setting "
    "COLUMN, --seed COLUMN, --measure COLUMN",
    ("HEAD",): "HEAD.yaml: No such file or directory; two runs are compared by their two names, such as `charloom "
    "compare HEAD workspace`",
    (): "DVC's experiments and HEAD: only one setting in 1 run; `dvc exp run -S eta=0.05` makes another setting, "
    "`charloom study FILE` many; --table FILE reads any table",
}.items(), ids=repr)  # fmt: skip
def test_a_wrong_request_gets_one_line_and_writes_nothing(project, arguments, line):
    before = sorted(project.folder.rglob("*"))
    assert said(project, "compare", *arguments, code=2) == ("", f"{line}\n")
    assert sorted(project.folder.rglob("*")) == before


@pytest.mark.parametrize(("command", "instead"), [
    ("verify", "dvc-proof verify"), ("compare", "charloom compare --table FILE"),
])  # fmt: skip
def test_a_command_in_another_dvc_project_names_the_commands_that_work(project, tmp_path, command, instead):
    other = Project(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {train: {cmd: python src/train.py, deps: [src/train.py]}}\n")
    (tmp_path / "t.csv").write_bytes((project.folder / "results.csv").read_bytes())
    other.run("git", "init", "-q")
    other.run("git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a", "--allow-empty")
    line = f"dvc.yaml: not the pipeline of charloom; in any other DVC project, `{instead}` works\n"
    assert said(other, *command.split(), code=2) == ("", line)
    assert "lr=0.1: better" in said(other, "compare", "--table", "t.csv", *OF_TABLE[2:])[0]


def test_a_picture_is_drawn_beside_the_words(project, tmp_path):
    printed = table(project, "--figure", str(tmp_path / "new/picture.svg"))
    assert printed == table(project)
    drawn = (tmp_path / "new/picture.svg").read_text(encoding="utf-8")
    assert drawn.startswith("<svg xmlns=")
    assert all(name in drawn for name in ("lr=0.5 (baseline)", "lr=0.1: better"))
