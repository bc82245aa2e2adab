"""A seed answers one question: used seeds are told, and an answer with them makes no claim."""

import json
import os
import shutil

import pytest
from projects import Project, copied, said, source
from study_projects import THREE_SEEDS, ask, conducted, refused

from charloom.core.base.words import in_line
from charloom.core.network import rnn
from charloom.results.study_table import read_frozen_question

CURE = "other seeds test again, `--reuse-seeds` answers without a claim: write "
SHOWN = "studies/a has shown eta=0.1 with "
ONE_TO_THREE = f"{SHOWN}seeds 1 to 3; {CURE}`seeds: [4, 5, 6]`"
OTHER = THREE_SEEDS.replace("0.05]", "0.02]")


@pytest.fixture
def project(answered_once, tmp_path):
    return copied(answered_once, tmp_path / "project")


CHANGED = {  # what is typed over the question that `a` has answered with the seeds 1 to 3
    "fewer seeds": ({"seeds: 3": "seeds: 2"}, f"{SHOWN}seeds 1 and 2; {CURE}`seeds: [4, 5]`"),
    "chosen seeds": ({"seeds: 3": "seeds: [9, 3]"}, f"{SHOWN}seed 3; {CURE}`seeds: [4, 5]`"),
    "another order": ({"seeds: 3": "seeds: [3, 2, 1]"}, ONE_TO_THREE),
    "another measure": ({"held_out_bits": "best_held_out_bits"}, ONE_TO_THREE),
    "another setting, the same baseline": ({"0.05]": "0.051]"}, ONE_TO_THREE),
    "a shorter training": ({"0.05]}": "0.05], train.updates: [300]}", "baseline: {}": "baseline: {train.updates: 300}"},
                           ONE_TO_THREE),
}  # fmt: skip


@pytest.mark.slow_but_first
@pytest.mark.parametrize(("changes", "line"), CHANGED.values(), ids=CHANGED)
def test_a_changed_question_is_told_that_its_trainings_were_shown(project, changes, line):
    """In the same file, in another one, and if only HEAD has the answer."""
    question = THREE_SEEDS
    for old, new in changes.items():
        question = question.replace(old, new)
    ask(project, question)
    assert refused(project, "a", "--anew") == f"studies/a.yaml: {line}"
    ask(project, THREE_SEEDS)
    ask(project, question, "b")
    same = "studies/a asks the same question; `charloom study studies/a.yaml` answers it"
    assert refused(project, "b") in {f"studies/b.yaml: {line}", f"studies/b.yaml: {same}"}
    shutil.rmtree(project.folder / "studies/a")
    assert refused(project, "b") == f"studies/b.yaml: {line}"


@pytest.mark.slow
def test_an_answer_with_reused_seeds_says_so_first_and_makes_no_claim(project):
    ask(project, OTHER, "b")
    printed, _ = said(project, "study", "studies/b.yaml", "--jobs", "1", "--reuse-seeds")
    first = f"No claim, because {SHOWN}seeds 1 to 3"
    assert f"\n{first}\n" in printed
    answer = said(project, "compare", "studies/b")[0]
    assert answer.startswith(f"{first}\n")
    assert "eta=0.02: cannot tell yet" in answer
    assert "a verdict needs" not in printed
    assert said(project, "compare", "studies/b", "--require", "better", code=6)[1].startswith("--require better: ")
    assert conducted(project, "b") == ""  # it stays so, without the option
    assert first in (project.folder / "studies/b/report.html").read_text()
    ask(project, OTHER.replace("seeds: 3", "seeds: [7, 8]"), "c")
    conducted(project, "c")
    assert "No claim" not in said(project, "compare", "studies/c")[0]


FREE = [
    THREE_SEEDS.replace("[0.1, 0.05]", "[0.2, 0.02]").replace("baseline: {}", "baseline: {eta: 0.2}"),  # other settings
    THREE_SEEDS.replace("seeds: 3", "seeds: [4, 5, 6]"),
    f"text: data/other.txt\n{THREE_SEEDS}",
]


@pytest.mark.slow
@pytest.mark.parametrize("question", FREE)
def test_other_settings_other_seeds_and_another_text_are_free(project, question):
    text = (project.folder / "data/fox.txt").read_text()
    (project.folder / "data/other.txt").write_text(text[1:])
    ask(project, question, "b")
    conducted(project, "b")
    asked = read_frozen_question(project.folder / "studies/b/asked.json")
    assert asked.answers == [3]
    again = "seeds: [4, 5, 6]" in question  # the one about the baseline that `a` is about, too
    assert asked.earlier == again
    line = "this is question 2 about this baseline on this text: each question has its own 5 %"
    assert (line in " ".join(said(project, "compare", "studies/b")[0].split())) == again


@pytest.mark.slow
def test_an_edited_network_is_another_setting_and_the_unedited_one_is_that_of_the_kernel(project):
    question = THREE_SEEDS.replace("0.05]}", "0.02], backend: [numpy]}").replace("{}", "{backend: numpy}")
    ask(project, question, "b")
    assert refused(project, "b") == f"studies/b.yaml: {ONE_TO_THREE}"
    project.edit(source(rnn), "np.tanh(", "np.arctan(")
    own = os.pathsep.join([str(project.folder / "src"), os.environ.get("PYTHONPATH", "")])
    assert "seeds 1 to 3" not in project.run("charloom", "study", "studies/b.yaml", "--jobs", "1", PYTHONPATH=own)


@pytest.mark.slow_but_first
@pytest.mark.parametrize("name", ["a\nb", "a\tb \u00e9", "HEAD:.a"])
def test_an_answer_counts_in_a_committed_folder_of_any_name(project, name):
    shutil.copytree(project.folder / "studies/a", project.folder / "studies" / name)
    shutil.rmtree(project.folder / "studies/a")
    project.commit()
    shutil.rmtree(project.folder / "studies" / name)
    printed, _ = said(project, "study", "new", "studies/b.yaml", "--vary", "eta=0.1,0.02", "--seeds", "2")
    line = f"seeds 4 and 5 are free: {in_line(f'studies/{name}')} has shown eta=0.1 with seeds 1 to 3"
    assert printed.splitlines()[1] == line


@pytest.mark.slow
def test_a_damaged_record_of_an_answer_hides_no_other_and_anew_replaces_it(project):
    (project.folder / "studies/z/asked.json").mkdir(parents=True)
    ask(project, OTHER, "b")
    assert refused(project, "b") == f"studies/b.yaml: {ONE_TO_THREE}"
    (project.folder / "studies/a/asked.json").write_text("{")
    conducted(project, anew=True)
    assert read_frozen_question(project.folder / "studies/a/asked.json").answers == [3]


def test_a_study_by_another_kernel_is_made_by_other_code(project):
    path = project.folder / "studies/a/asked.json"
    asked = json.loads(path.read_text())
    path.write_text(json.dumps(asked | {"small_trials": {"adagrad float64": "0" * 16}}))
    line = "studies/a.yaml: made by other code; `--prove 6` accepts the table if it rebuilds all rows; `charloom study "
    assert refused(project, "a").startswith(line)
    (project.folder / "studies/a/trials.csv").unlink()
    path.write_text(json.dumps(asked | {"arithmetic": {"adagrad float64": "0" * 16}}))
    assert refused(project, "a").startswith("studies/a.yaml: made by other code; `charloom study FILE --anew` ")


def test_a_study_outside_its_project_is_refused_with_the_folder_to_start_in(project):
    _, line = said(Project(project.folder / "studies"), "study", "a.yaml", code=2)
    assert line == "dvc.yaml: not in this folder; start charloom in the project's folder\n"
