"""A seed answers one question: no sequence of commands tests a training again that an answer has shown."""

import json
import shutil

import pytest
from projects import Project, copied, said
from study_projects import THREE_SEEDS, ask, conducted, refused

from charloom.core.base.words import in_line
from charloom.results.study_table import FIRST_METRIC_NAMES, read_frozen_question

ANEW = ", and add `--anew` to the command"
SHOWN = "studies/a.yaml has shown results of eta=0.1 with "
ONE_TO_THREE, NEW = f"{SHOWN}seeds 1 to 3", "write `seeds: [4, 5, 6]`"


@pytest.fixture
def project(answered_once, tmp_path):
    return copied(answered_once, tmp_path / "project")


CHANGED = {  # what is typed over the question that `a` has answered with the seeds 1 to 3
    "fewer seeds": ({"seeds: 3": "seeds: 2"}, f"{SHOWN}seeds 1 and 2; write `seeds: [4, 5]`"),
    "chosen seeds": ({"seeds: 3": "seeds: [9, 3]"}, f"{SHOWN}seed 3; write `seeds: [4, 5]`"),
    "another order": ({"seeds: 3": "seeds: [3, 2, 1]"}, f"{ONE_TO_THREE}; {NEW}"),
    "looks": ({"seeds: 3": "seeds: 3\nlooks: [2, 3]"}, f"{ONE_TO_THREE}; {NEW}"),
    "another measure": ({"held_out_bits": "best_held_out_bits"}, f"{ONE_TO_THREE}; {NEW}"),
    "a smallest difference": ({"seeds: 3": "seeds: 3\nsmallest_difference: 0.5"}, f"{ONE_TO_THREE}; {NEW}"),
    "another baseline": ({"baseline: {}": "baseline: {eta: 0.05}"}, f"{ONE_TO_THREE}; {NEW}"),
    "another setting, the same baseline": ({"0.05]": "0.051]"}, f"{ONE_TO_THREE}; {NEW}"),
    "another part held out": ({}, f"{ONE_TO_THREE}; {NEW}"),
    "a shorter training": ({"0.05]}": "0.05], train.updates: [300]}", "baseline: {}": "baseline: {train.updates: 300}"},
                           f"{ONE_TO_THREE}; {NEW}"),
}  # fmt: skip


@pytest.mark.slow_but_first
@pytest.mark.parametrize(("changes", "line"), CHANGED.values(), ids=CHANGED)
def test_a_changed_question_never_decides_by_trainings_that_were_shown(project, changes, line):
    """Neither in the same file, nor in another one, nor after all files of the answer are gone."""
    question = THREE_SEEDS
    for old, new in changes.items():
        question = question.replace(old, new)
    if not changes:
        project.edit("params.yaml", "held_out: 0.05", "held_out: 0.0501")
    ask(project, question)
    own = line.replace("studies/a.yaml has", "its earlier answer has")
    assert refused(project, "a", "--anew") == f"studies/a.yaml: {own}, and add `--anew` to the command"
    ask(project, THREE_SEEDS)
    ask(project, question, "b")
    same = "studies/a asks the same question; `charloom study studies/a.yaml` answers it"
    assert refused(project, "b") in {f"studies/b.yaml: {line}", f"studies/b.yaml: {same}"}
    copies, folder = project.folder / ".charloom/studies", project.folder / "studies/a"
    kept = copies.rename(project.folder.parent / "kept")
    shutil.rmtree(folder)  # HEAD has it
    assert refused(project, "b") == f"studies/b.yaml: {line}"
    project.run("git", "rm", "-rqf", "studies/a", "studies/a.yaml")
    project.commit("no study any more")
    shutil.rmtree(copies)
    kept.rename(copies)
    assert refused(project, "b") == f"studies/b.yaml: {line}"


@pytest.mark.slow
def test_a_later_look_does_not_decide_by_a_seed_that_another_answer_has_shown(finished, tmp_path):
    project = copied(finished, tmp_path / "project")
    ask(project, THREE_SEEDS.replace("seeds: 3", "seeds: 3\nlooks: [2, 3]"))
    conducted(project)
    files = [*project.folder.rglob("asked.json")]
    for file in files:  # as if it had been stopped after the first look
        file.write_text(json.dumps(json.loads(file.read_text()) | {"answers": [2]}))
    ask(project, THREE_SEEDS.replace("seeds: 3", "seeds: [3, 4]").replace("0.05]", "0.2]"), "b")
    conducted(project, "b")
    assert "studies/b.yaml has shown results of eta=0.1 with seed 3" in refused(project, "a")


DISGUISES = {  # another file of a text that has no end of a line, or another question; and whether it is trained
    "a byte-order mark": ("\ufeff", "", {}, False),
    "another held-out end": ("", "", {"held_out": "0.0501"}, False),
    "a space at the end": ("", " ", {}, True),
    "a limit that no gradient reaches": ("", "", {"clip": "1000.0"}, True),
}


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after", "params", "trained"), DISGUISES.values(), ids=DISGUISES)
def test_a_training_that_an_answer_has_shown_is_known_under_another_name(
    finished, tmp_path, before, after, params, trained
):
    """As soon as its inputs show it, or else its results; also if only the copy of the answer is left."""
    project = copied(finished, tmp_path / "project")
    project.set(clip="2000.0")
    ask(project, THREE_SEEDS)
    conducted(project)
    text = (project.folder / "data/fox.txt").read_text(encoding="utf-8")
    (project.folder / "data/other.txt").write_text(f"{before}{text}{after}", encoding="utf-8")
    project.set(**params)
    ask(project, THREE_SEEDS.replace("0.05]", "0.02]") + "text: data/other.txt\n", "b")
    for gone in ((), ("studies/a.yaml", "studies/a")):
        for name in gone:
            shutil.move(project.folder / name, project.folder.parent)
        line = said(project, "study", "studies/b.yaml", "--jobs", "1", code=2)[1]
        equal = "has shown results equal to those of eta=0.1" if trained else "has shown results of eta=0.1"
        assert line == f"studies/b.yaml: studies/a.yaml {equal} with seeds 1 to 3; {NEW}{ANEW * trained}\n"
        assert (project.folder / "studies/b/trials.csv").exists() == trained
        assert not trained or read_frozen_question(project.folder / "studies/b/asked.json").answers == []


@pytest.mark.slow
def test_line_ends_and_chunks_of_as_many_sequences_are_no_other_training(finished, tmp_path):
    project = copied(finished, tmp_path / "project")
    lines = (project.folder / "data/fox.txt").read_text(encoding="utf-8").replace(". ", ".\n")
    (project.folder / "data/fox.txt").write_text(lines, encoding="utf-8")
    (project.folder / "data/other.txt").write_text(lines, encoding="utf-8", newline="\r\n")
    chunks = THREE_SEEDS.replace("0.05]", "0.05], train.order: [chunks], train.chunk_length: [20]")
    chunks = chunks.replace("baseline: {}", "baseline: {train.order: chunks, train.chunk_length: 20}")
    for name, question in (("a", THREE_SEEDS), ("c", chunks)):
        ask(project, question, name)
        conducted(project, name)
    ask(project, THREE_SEEDS.replace("0.05]", "0.02]") + "text: data/other.txt\n", "b")
    assert refused(project, "b") == f"studies/b.yaml: {ONE_TO_THREE}; {NEW}"
    ask(project, chunks.replace("20", "29").replace("0.05]", "0.02]"), "d")
    line = said(project, "study", "studies/d.yaml", "--jobs", "1", code=2)[1]
    assert "studies/c.yaml has shown results equal to those of eta=0.1" in line


@pytest.mark.slow
def test_an_analysis_of_an_earlier_version_is_compared_by_text_and_kept(project):
    path = project.folder / "studies/a/asked.json"
    asked = json.loads(path.read_text())
    del asked["training_sha256"]
    path.write_text(json.dumps(asked, indent=2) + "\n")
    shutil.rmtree(project.folder / ".charloom/studies")
    project.commit("as an earlier version wrote it")
    before = path.read_bytes()
    text = (project.folder / "data/fox.txt").read_text(encoding="utf-8")
    (project.folder / "data/other.txt").write_text(f"\ufeff{text}", encoding="utf-8")
    ask(project, THREE_SEEDS + "text: data/other.txt\n", "b")
    line = (
        f"studies/b.yaml: studies/a.yaml has shown results equal to those of eta=0.1 with seeds 1 to 3; {NEW}{ANEW}\n"
    )
    assert said(project, "study", "studies/b.yaml", "--jobs", "1", code=2)[1] == line
    conducted(project)
    assert path.read_bytes() == before


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
def test_an_analysis_by_a_kernel_with_other_results_is_void_and_no_other_analysis_is(project):
    path = project.folder / "studies/a/asked.json"
    asked = json.loads(path.read_text())
    shutil.rmtree(project.folder / ".charloom/studies")
    ask(project, THREE_SEEDS.replace("0.05]", "0.02]"), "b")
    for other in (
        {"measures": [*FIRST_METRIC_NAMES, "a_new_measure"], "small_trials": {"adagrad float64": "0" * 16}},
        {"arithmetic": asked["arithmetic"] | {"a_new_optimizer float64": "0" * 16}},
    ):
        path.write_text(json.dumps(asked | other))
        project.commit("as sources with other measures, or a newer version, wrote it")
        assert refused(project, "b") == f"studies/b.yaml: {ONE_TO_THREE}; {NEW}"
    path.write_text(json.dumps(asked | {"arithmetic": {"adagrad float64": "0" * 16}}))
    project.commit("as another kernel wrote it")
    conducted(project, "b")
    assert read_frozen_question(project.folder / "studies/b/asked.json").answers == [3]
    shown = f"studies/b.yaml has shown results of eta=0.1 with seeds 1 to 3; write `seeds: [4, 5, 6]`{ANEW}"
    assert refused(project, "a", "--anew") == f"studies/a.yaml: {shown}"  # its void answer keeps no seed


@pytest.mark.slow
def test_a_table_of_a_newer_version_is_refused_in_a_line(project):
    folder = project.folder / "studies/a"
    asked, rows = json.loads((folder / "asked.json").read_text()), (folder / "trials.csv").read_text().splitlines()
    (folder / "asked.json").write_text(json.dumps(asked | {"measures": [*FIRST_METRIC_NAMES, "a_new_measure"]}))
    (folder / "trials.csv").write_text("\n".join([f"{rows[0]},a_new_measure", *(f"{row},1.0" for row in rows[1:]), ""]))
    assert "its rows were trained with other source code" in refused(project, "a")


@pytest.mark.slow_but_first
@pytest.mark.parametrize("name", ["a\nb", "a\tb \u00e9", "HEAD:./a"])
def test_an_answer_counts_in_a_committed_folder_of_any_name(project, name):
    shutil.copytree(project.folder / "studies/a", project.folder / "studies" / name)
    shutil.rmtree(project.folder / "studies/a")
    project.commit()
    shutil.rmtree(project.folder / "studies" / name)
    shutil.rmtree(project.folder / ".charloom/studies")
    printed, _ = said(project, "study", "new", "studies/b.yaml", "--vary", "eta=0.1,0.02", "--seeds", "2")
    line = f"seeds 4 and 5 are free: {in_line(f'studies/{name}.yaml')} has shown results of eta=0.1 with seeds 1 to 3"
    assert printed.splitlines()[1] == line


@pytest.mark.slow
def test_a_damaged_record_of_an_answer_hides_no_other_and_anew_replaces_it(project):
    (project.folder / "studies/z/asked.json").mkdir(parents=True)
    ask(project, THREE_SEEDS.replace("0.05]", "0.02]"), "b")
    assert refused(project, "b") == f"studies/b.yaml: {ONE_TO_THREE}; {NEW}"
    (project.folder / "studies/a/asked.json").write_text("{")
    conducted(project, anew=True)
    assert read_frozen_question(project.folder / "studies/a/asked.json").answers == [3]


def test_a_study_outside_its_project_is_refused_with_the_folder_to_start_in(project):
    _, line = said(Project(project.folder / "studies"), "study", "a.yaml", code=2)
    assert line == "dvc.yaml: not in this folder; start charloom in the project's folder\n"
