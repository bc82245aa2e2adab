"""A study keeps the question, the params and the text of its first start."""

import shutil
import signal
from contextlib import chdir
from pathlib import Path

import pytest
from projects import copied, said
from study_projects import TWO_SEEDS, ask, conducted, refused, tables, with_code

from charloom.results.study_table import read_frozen_question, read_runs
from charloom.study.freeze import read_study, warn_of_other_params, write_frozen_question
from charloom.study.measuring import before_it_starts, study_measurements


@pytest.fixture
def study(studied):
    """Project and folder of `studied`. Changes to the question, the params, the text and the tables are undone."""
    project, folder, _, made = studied
    contents = {
        name: (project.folder / name).read_bytes() for name in ("params.yaml", "studies/a.yaml", "data/fox.txt")
    }
    yield project, folder
    for name, content in contents.items():
        (project.folder / name).write_bytes(content)
    shutil.rmtree(project.folder / ".charloom/studies", ignore_errors=True)
    shutil.rmtree(folder)
    folder.mkdir()
    for name, content in made.items():
        (folder / name).write_bytes(content)


def test_later_changes_of_params_change_no_study(study, capsys):
    project, folder = study
    made = tables(folder)
    project.edit("params.yaml", "sigma: 0.01", "sigma: 0.02")
    assert conducted(project) == ""
    assert tables(folder) == made
    with chdir(project.folder):
        project.edit("params.yaml", "sigma: 0.02", "sigma: fan_in")
        project.edit("params.yaml", "clip: 5.0", "clip: null")
        warn_of_other_params(read_study(Path("studies/a.yaml")))
    keeps = "studies/a.yaml keeps the params of its first start\n"
    line = f"params.yaml has sigma 0.02, not 0.01; {keeps}"
    assert capsys.readouterr().err == (
        f"{line}params.yaml has sigma fan_in, not 0.01; train.clip null, not 5.0; {keeps}"
    )


def test_changed_params_that_the_question_leaves_open_are_named(project):
    ask(project, TWO_SEEDS.replace("baseline: {}", "baseline: {eta: 0.1}"))
    project.edit("params.yaml", "sigma: 0.01", "sigma: 0.02")
    project.edit("params.yaml", "eta: 0.1", "eta: 0.3")  # which the question says itself
    line = "all other params are those of params.yaml at the first start, which differed from HEAD's: "
    line += "sigma 0.02, not 0.01"
    with chdir(project.folder):
        assert before_it_starts(read_study(Path("studies/a.yaml"))) == [line]
        write_frozen_question(read_study(Path("studies/a.yaml")))
        project.run("git", "commit", "-qam", "another sigma")
        assert study_measurements(read_study(Path("studies/a.yaml"))).warnings == (line,)


@pytest.mark.slow
def test_more_seeds_are_the_same_question_and_its_first_answer_decides(study):
    project, _ = study
    question = (project.folder / "studies/a.yaml").read_text()
    project.edit("studies/a.yaml", "seeds: 2", "seeds: 3")
    assert conducted(project).startswith("studies/a.yaml: 2 of 6 trials to train\n")
    with chdir(project.folder):
        again = read_study(Path("studies/a.yaml"))
    assert (again.frozen.answers, again.first_analysis) == ([2, 3], 2)
    project.edit("studies/a.yaml", "seeds: 3", "seeds: [3, 1, 2, 4]")
    assert "seeds: [1, 2, 3] at the first start, " in said(project, "study", "studies/a.yaml", code=2)[1]
    (project.folder / "studies/a.yaml").write_text(question)
    assert "seeds: [1, 2, 3] at the first start, " in said(project, "study", "studies/a.yaml", code=2)[1]


@pytest.mark.slow
@pytest.mark.parametrize("kills", range(5))
def test_a_kill_during_anew_leaves_no_row_of_another_question(study, kills):
    """The next start continues without a word about damage."""
    project, folder = study
    project.edit("params.yaml", "sigma: 0.01", "sigma: 0.02")
    project.edit("studies/a.yaml", "seeds: 2", "seeds: [5, 6]")
    assert with_code(project, KILLED_AT.format(kills)).returncode == -signal.SIGKILL
    with chdir(project.folder):
        asked = read_frozen_question(folder / "asked.json")
        assert read_runs(folder, asked) == {} or asked.question["seeds"] == [1, 2]
    begun = asked.question["seeds"] == [5, 6]
    assert "studies/a.yaml: 4 of 4 trials to train" in conducted(project, anew=not begun)
    assert read_frozen_question(folder / "asked.json").answers == [2]


KILLED_AT = """
import os, signal, sys
moves = 0
def kill(event, _):
    global moves
    if event == "os.rename":
        if moves == {}:
            os.kill(os.getpid(), signal.SIGKILL)
        moves += 1
sys.addaudithook(kill)
conduct(Path("studies/a.yaml"), 1, None, anew=True)
"""
REFUSED = [  # a file, what stands in it (everything: the file is removed) and what instead, the exit code, the line
    ("studies/a/trials.csv", "seed,", "sead,", 3, "studies/a/trials.csv: column seed is missing, or occurs twice; "),
    ("studies/a/curves.csv", ",100,", ",100,,", 3, "studies/a/curves.csv: line 3: the row has more or fewer cells "),
    ("studies/a/asked.json", "", "", 3, "studies/a/asked.json: No such file or directory; `git restore"),
    ("studies/a/asked.json", '"small_trials": {', '"small_trials": {"x": "0", ', 2,
     "studies/a.yaml: made by other code; `--prove 4` accepts the table if it rebuilds all rows"),
    ("studies/a/asked.json", 'float64": "', 'float64": "0', 3, "studies/a/trials.csv: line 2: trial is "),
    ("data/fox.txt", "fox", "Fox", 2, "studies/a.yaml: the SHA-256 of data/fox.txt: "),
    ("data/fox.txt", "", "", 2, "studies/a.yaml: the SHA-256 of data/fox.txt: "),
    *(("studies/a.yaml", old, new, 2, f"studies/a.yaml: {what} now; restore this, or `") for old, new, what in (
        ("0.05]", "0.02]", "settings: [{'eta': 0.1}, {'eta': 0.05}] at the first start, [{'eta': 0.1}, {'eta': 0.02}]"),
        ("baseline: {}", "baseline: {eta: 0.05}", "baseline: {'eta': 0.1} at the first start, {'eta': 0.05}"),
        ("held_out_bits_per_character", "smooth_loss",
         "measure: held_out_bits_per_character at the first start, smooth_loss"),
        ("seeds: 2", "seeds: [1]", "seeds: [1, 2] at the first start, [1]"),
        ("seeds: 2", "seeds: 2\nlooks: [2]", "looks: [] at the first start, [2]"),
        ("vary:", "text: data/other.txt\nvary:", "text: none at the first start, data/other.txt"),
        ("vary:", "smallest_difference: 0.5\nvary:", "smallest_difference: none at the first start, 0.5"),
    )),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "code", "line"), REFUSED)
def test_an_edited_study_gets_one_line_and_keeps_its_tables(study, file, old, new, code, line):
    project, folder = study
    project.edit(file, old, new, 1) if old else (project.folder / file).unlink()
    made = tables(folder)
    _, complaint = said(project, "study", "studies/a.yaml", code=code)
    assert (complaint.startswith(line), complaint.count("\n")) == (True, 1), complaint
    assert tables(folder) == made


@pytest.mark.parametrize("option", [[], ["--anew"]])
def test_a_question_of_another_study_is_refused_under_a_new_name(study, option):
    """The looks are the question's: a second name would forget them, and claim anew."""
    project, _ = study
    question = (project.folder / "studies/a.yaml").read_text()
    line = "studies/b.yaml: studies/a asks the same question; `charloom study studies/a.yaml` answers it\n"
    for same in (question, question.replace("[0.1, 0.05]", "[0.05, 0.1]"), question.replace("seeds: 2", "seeds: 9")):
        ask(project, same, "b")
        assert said(project, "study", "studies/b.yaml", *option, code=2)[1] == line
    assert not (project.folder / "studies/b").exists()
    ask(project, question.replace("seeds: 2", "seeds: [3, 4]"), "b")  # other seeds, other runs
    with chdir(project.folder):
        assert (
            read_study(Path("studies/b.yaml"), anew=bool(option)).question_key
            != read_study(Path("studies/a.yaml")).question_key
        )
        read_study(project.folder / "studies/a.yaml", anew=True)  # the same study, by another path
    (project.folder / "studies/b.yaml").unlink()


@pytest.mark.slow
def test_a_study_of_any_name_keeps_its_text(finished, tmp_path):
    project = copied(finished, tmp_path / "project")
    (project.folder / "data/other.txt").write_text("a text of another kind, " * 200)
    ask(project, f"{TWO_SEEDS}text: data/other.txt\n", "answers")
    conducted(project, "answers")
    ask(project, TWO_SEEDS, "answers")
    assert refused(project, "answers").startswith(
        "studies/answers.yaml: text: data/other.txt at the first start, none now"
    )
