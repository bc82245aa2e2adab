"""A seed answers one question: no sequence of commands tests a training again that an answer has shown."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import pytest
from projects import ROOT, copied, said
from study_projects import ask, conducted, tables

from charloom.core.base.words import in_line
from charloom.core.base.yaml12 import parse_yaml
from charloom.results.study_table import read_frozen_question
from charloom.study.freeze import read_study, write_frozen_question
from charloom.study.measuring import study_measurements
from charloom.study.seeds import archive, seed_range, yaml_of
from seedpairs import answered

QUESTION = "vary: {eta: [0.1, 0.05]}\nbaseline: {}\nseeds: 3\nmeasure: held_out_bits_per_character\n"
ANEW = ", and add `--anew` to the command"
SHOWN = "studies/a.yaml has shown results of eta=0.1 with "
ONE_TO_THREE, NEW = f"{SHOWN}seeds 1 to 3", "write `seeds: [4, 5, 6]`"


@pytest.fixture(scope="module")
def answered_once(finished, tmp_path_factory):
    """A project in which `a` is answered, with its commit."""
    project = copied(finished, tmp_path_factory.mktemp("seeds") / "project")
    ask(project, QUESTION)
    conducted(project)
    project.commit("a study")
    return project


@pytest.fixture
def project(answered_once, tmp_path):
    return copied(answered_once, tmp_path / "project")


def refused(project, name: str, *options: str) -> str:
    """Return the one line with which the study is refused; nothing is trained, written or lost."""
    before = {path: path.read_bytes() for path in (project.folder / "studies").rglob("*") if path.is_file()}
    printed, line = said(project, "study", f"studies/{name}.yaml", "--jobs", "1", *options, code=2)
    assert {path: path.read_bytes() for path in (project.folder / "studies").rglob("*") if path.is_file()} == before
    assert (printed, line.count("\n")) == ("", 1)
    return line.removesuffix("\n")


CHANGED = {  # what is typed over the question that `a` has answered with the seeds 1 to 3
    "fewer seeds": ({"seeds: 3": "seeds: 2"}, f"{SHOWN}seeds 1 and 2; write `seeds: [4, 5]`"),
    "chosen seeds": ({"seeds: 3": "seeds: [9, 3]"}, f"{SHOWN}seed 3; write `seeds: [4, 5]`"),
    "another order": ({"seeds: 3": "seeds: [3, 2, 1]"}, f"{ONE_TO_THREE}; {NEW}"),
    "looks": ({"seeds: 3": "seeds: 3\nlooks: [2, 3]"}, f"{ONE_TO_THREE}; {NEW}"),
    "another measure": ({"held_out_bits": "best_held_out_bits"}, f"{ONE_TO_THREE}; {NEW}"),
    "a smallest difference": ({"seeds: 3": "seeds: 3\nsmallest_difference: 0.5"}, f"{ONE_TO_THREE}; {NEW}"),
    "another baseline": ({"baseline: {}": "baseline: {eta: 0.05}"}, f"{ONE_TO_THREE}; {NEW}"),
    "one more setting": ({"0.05]": "0.05, 0.02]"}, f"{ONE_TO_THREE}; {NEW}"),
    "another setting, the same baseline": ({"0.05]": "0.051]"}, f"{ONE_TO_THREE}; {NEW}"),
    "another part held out": ({}, f"{ONE_TO_THREE}; {NEW}"),
    "a shorter training": ({"0.05]}": "0.05], train.updates: [300]}", "baseline: {}": "baseline: {train.updates: 300}"},
                           f"{ONE_TO_THREE}; {NEW}"),
}  # fmt: skip


@pytest.mark.slow_but_first
@pytest.mark.parametrize(("changes", "line"), CHANGED.values(), ids=CHANGED)
def test_a_changed_question_never_decides_by_trainings_that_were_shown(project, changes, line):
    """Neither in the same file, nor in another one, nor after all files of the answer are gone."""
    question = QUESTION
    for old, new in changes.items():
        question = question.replace(old, new)
    if not changes:
        project.edit("params.yaml", "held_out: 0.05", "held_out: 0.0501")
    ask(project, question)
    own = line.replace("studies/a.yaml has", "its earlier answer has")
    assert refused(project, "a", "--anew") == f"studies/a.yaml: {own}, and add `--anew` to the command"
    ask(project, QUESTION)
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
    ask(project, QUESTION)
    conducted(project)
    text = (project.folder / "data/fox.txt").read_text(encoding="utf-8")
    (project.folder / "data/other.txt").write_text(f"{before}{text}{after}", encoding="utf-8")
    project.set(**params)
    ask(project, QUESTION.replace("0.05]", "0.02]") + "text: data/other.txt\n", "b")
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
    chunks = QUESTION.replace("0.05]", "0.05], train.order: [chunks], train.chunk_length: [20]")
    chunks = chunks.replace("baseline: {}", "baseline: {train.order: chunks, train.chunk_length: 20}")
    for name, question in (("a", QUESTION), ("c", chunks)):
        ask(project, question, name)
        conducted(project, name)
    ask(project, QUESTION.replace("0.05]", "0.02]") + "text: data/other.txt\n", "b")
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
    ask(project, QUESTION + "text: data/other.txt\n", "b")
    line = (
        f"studies/b.yaml: studies/a.yaml has shown results equal to those of eta=0.1 with seeds 1 to 3; {NEW}{ANEW}\n"
    )
    assert said(project, "study", "studies/b.yaml", "--jobs", "1", code=2)[1] == line
    conducted(project)
    assert path.read_bytes() == before


FREE = [
    QUESTION.replace("[0.1, 0.05]", "[0.2, 0.02]").replace("baseline: {}", "baseline: {eta: 0.2}"),  # other settings
    QUESTION.replace("seeds: 3", "seeds: [4, 5, 6]"),
    f"text: data/other.txt\n{QUESTION}",
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
def test_a_question_keeps_its_analysis_under_any_name_and_after_restarts(project):
    folder = project.folder / "studies/a"
    answer = tables(folder)
    printed = conducted(project, anew=True)
    assert printed.startswith("studies/a: its old tables are in .charloom/studies/")
    assert tables(folder) == answer
    before = said(project, "compare", "studies/a")[0]
    for gone in ("studies/a", "studies/a.yaml"):
        shutil.move(project.folder / gone, project.folder.parent)
    ask(project, QUESTION.replace("seeds: 3", "seeds: 5"), "renamed")
    conducted(project, "renamed")
    assert read_frozen_question(project.folder / "studies/renamed/asked.json").answers == [3, 5]
    after = said(project, "compare", "studies/renamed")[0]
    difference, p = before[before.index("  difference") :].splitlines()[:2]
    assert f"{difference}\n{p}\n" in after
    assert "3 seeds, and no looks were declared: 2 more seeds shown, but not" in " ".join(after.split())
    ask(project, QUESTION.replace("seeds: 3", "seeds: [4, 5, 6]"), "b")
    shown = "studies/renamed.yaml has shown results of eta=0.1 with seeds 4 and 5; write `seeds: [6, 7, 8]`"
    assert refused(project, "b") == f"studies/b.yaml: {shown}"


@pytest.mark.slow
def test_seeds_that_were_added_are_shown_and_stay_so(project):
    """Also in the copy, and however the file is written when its tables are gone."""
    ask(project, QUESTION.replace("seeds: 3", "seeds: 5"))
    conducted(project)
    answer = said(project, "compare", "studies/a")[0]
    (project.folder / "studies/a/trials.csv").unlink()
    line = "its earlier answer has shown results of eta=0.1 with seeds 1 to 5; write `seeds: [6, 7, 8, 9, 10]`"
    ask(project, QUESTION.replace("seeds: 3", "seeds: [5, 4, 1, 2, 3]"))
    assert refused(project, "a") == f"studies/a.yaml: {line}, and add `--anew` to the command"
    for gone in ("studies/a", "studies/a.yaml"):
        shutil.move(project.folder / gone, project.folder.parent)
    ask(project, QUESTION.replace("seeds: 3", "seeds: [4, 5]"), "größe")
    line = "studies/a.yaml has shown results of eta=0.1 with seeds 4 and 5; write `seeds: [6, 7]`"
    assert refused(project, "größe") == f"studies/größe.yaml: {line}"
    ask(project, QUESTION.replace("seeds: 3", "seeds: 5"), "größe")
    conducted(project, "größe")
    assert answer == said(project, "compare", "studies/größe")[0]
    project.commit("under another name")
    shutil.rmtree(project.folder / "studies/größe")
    shutil.rmtree(project.folder / ".charloom/studies")
    ask(project, QUESTION.replace("seeds: 3", "seeds: [4, 5]"), "b")
    line = line.replace("studies/a.yaml", "studies/größe.yaml")
    assert refused(project, "b") == f"studies/b.yaml: {line}"


def with_code(project, code: str) -> subprocess.CompletedProcess:
    """Run the code in a process in the project's folder."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", f"from pathlib import Path\nfrom charloom.study.conduct import conduct\n{code}"]
    return subprocess.run(command, cwd=project.folder, env=environment, text=True, capture_output=True, check=False)


@pytest.mark.slow
def test_a_look_that_was_passed_is_an_answer_after_a_kill(project):
    """Else its result would decide whether the looks are kept."""
    looks = "settings: [{sigma: 0.0100001}]\nbaseline: {}\nseeds: [7, 8, 9]\nlooks: [2, 3]\n"
    ask(project, f"{looks}measure: held_out_bits_per_character\n", "c")
    killed = """
import os, signal, sys
from charloom.results.study_table import read_frozen_question
def kill(event, _):
    asked = Path("studies/c/asked.json")
    if event == "os.rename" and asked.exists() and read_frozen_question(asked).answers == [2]:
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(kill)
conduct(Path("studies/c.yaml"), 1, None)
"""
    assert with_code(project, killed).returncode == -signal.SIGKILL
    assert read_frozen_question(project.folder / "studies/c/asked.json").answers == [2]
    assert "cannot tell yet" in said(project, "compare", "studies/c")[0].lower()
    project.edit("studies/c.yaml", "looks: [2, 3]\n", "")
    assert "looks: changed since the first start" in refused(project, "c")
    project.edit("studies/c.yaml", "seeds: [7, 8, 9]\n", "seeds: [7, 8, 9]\nlooks: [2, 3]\n")
    assert "studies/c.yaml: 2 of 6 trials to train" in conducted(project, "c")
    assert read_frozen_question(project.folder / "studies/c/asked.json").answers == [2, 3]


@pytest.mark.slow
def test_one_of_two_simultaneous_studies_is_analysed(project):
    for name, eta in (("b", "0.05"), ("c", "0.02")):
        ask(project, QUESTION.replace("seeds: 3", "seeds: [7, 8]").replace("0.05]", f"{eta}]"), name)
    while_c_trains = """
import sys
def answer_b(event, given):
    if event == "os.rename" and str(given[1]).endswith("studies/c/trials.csv") and not Path("studies/b").exists():
        conduct(Path("studies/b.yaml"), 1, None)
sys.addaudithook(answer_b)
conduct(Path("studies/c.yaml"), 1, None)
"""
    done = with_code(project, while_c_trains)
    line = f"studies/b.yaml has shown results of eta=0.1 with seeds 7 and 8; write `seeds: [4, 5]`{ANEW}"
    assert f"WrongInput: studies/c.yaml: {line}" in done.stderr
    for name, answers in (("b", [2]), ("c", [])):
        assert read_frozen_question(project.folder / f"studies/{name}/asked.json").answers == answers


@pytest.mark.slow
def test_the_first_analysis_of_several_questions_counts(project):
    """Also if the other one has all its trainings, and only its answer is missing."""
    both = QUESTION.replace("seeds: 3", "seeds: [7, 8]")
    ask(project, both, "c")
    with chdir(project.folder):
        write_frozen_question(read_study(Path("studies/c.yaml")))  # begun
    ask(project, both.replace("0.05]", "0.02]"), "b")
    conducted(project, "b")
    line = f"studies/b.yaml has shown results of eta=0.1 with seeds 7 and 8; write `seeds: [4, 5]`{ANEW}"
    assert refused(project, "c") == f"studies/c.yaml: {line}"
    assert "studies/c: 0 of 4 trials, and no answer yet" in said(project, "compare", "studies/c", code=2)[1]


@pytest.mark.slow
def test_an_analysis_by_sources_with_other_results_is_void(project):
    path = project.folder / "studies/a/asked.json"
    asked = json.loads(path.read_text())
    shutil.rmtree(project.folder / ".charloom/studies")
    ask(project, QUESTION.replace("0.05]", "0.02]"), "b")
    del asked["small_trials"]
    path.write_text(json.dumps(asked))
    project.commit("as an earlier version wrote it")
    assert refused(project, "b") == f"studies/b.yaml: {ONE_TO_THREE}; {NEW}"
    path.write_text(json.dumps(asked | {"small_trials": {"adagrad float64": "0" * 16}}))
    project.commit("as other sources wrote it")
    conducted(project, "b")
    assert read_frozen_question(project.folder / "studies/b/asked.json").answers == [3]
    shown = f"studies/b.yaml has shown results of eta=0.1 with seeds 1 to 3; write `seeds: [4, 5, 6]`{ANEW}"
    assert refused(project, "a", "--anew") == f"studies/a.yaml: {shown}"  # its void answer keeps no seed


@pytest.mark.slow
def test_a_new_question_gets_the_first_free_seeds_and_an_old_one_its_own(project):
    def new(name, *options):
        printed, _ = said(project, "study", "new", f"studies/{name}.yaml", *options)
        return printed, parse_yaml((project.folder / f"studies/{name}.yaml").read_text())["seeds"]

    eta = ("--vary", "eta=0.1,0.02")
    printed, seeds = new("b", *eta, "--seeds", "2")
    assert "\nseeds 4 and 5 are free: studies/a.yaml has shown results of eta=0.1 with seeds 1 to 3\n" in printed
    assert seeds == [4, 5]
    printed, seeds = new("c", *eta, "--seeds", "2", "--measure", "smooth_loss")
    assert (
        f"\nseeds 6 and 7 are free: {SHOWN}seeds 1 to 3; studies/b.yaml asks about eta=0.1 with seeds 4 and 5"
        in printed
    )
    assert seeds == [6, 7]  # b waits for its trainings
    assert new("d", "--vary", "eta=0.2,0.02", "--seeds", "2")[1] == 2
    assert new("e", *eta, "--seeds", "20-21", "--title", "mine")[1] == [20, 21]
    line = f"--seeds: {SHOWN}seed 3; `--seeds 4` takes free seeds\n"
    assert said(project, "study", "new", "studies/f.yaml", *eta, "--seeds", "3-6", code=2)[1] == line
    same = ("--vary", "eta=0.1,0.05")
    line = "studies/f.yaml: studies/a asks the same question; `charloom study studies/a.yaml` answers it\n"
    without = "studies/a.yaml"
    project.edit(without, QUESTION, f"{QUESTION}smallest_difference: 0.01\n")
    with chdir(project.folder):
        write_frozen_question(read_study(Path(without), anew=True).with_analysis_at(3))
        archive(Path("studies/a"))
    assert said(project, "study", "new", "studies/f.yaml", *same, code=2)[1] == line
    assert new("again", *same, "--seeds", "4")[1] == [8, 9, 10, 11]  # the same question, on other seeds
    (project.folder / "studies/again.yaml").unlink()
    for gone in ("studies/a", without):
        shutil.move(project.folder / gone, project.folder.parent)
    for number in ((), ("--seeds", "3")):
        printed, seeds = new(f"g{len(number)}", *same, *number)
        assert "\nseeds 1 to 3, as in this question's first answer\n" in printed
        assert seeds == 3
        (project.folder / f"studies/g{len(number)}.yaml").unlink()
    assert new("h", *same, "--seeds", "2")[1] == [8, 9]


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


def test_a_study_without_an_answer_shows_how_many_trials_it_has_and_no_mean(project):
    path = project.folder / "studies/a/asked.json"
    asked = json.loads(path.read_text())
    path.write_text(json.dumps(asked | {"answers": []}))
    for options, code in ((), 2), (("--format", "json"), 2), (("--require", "better"), 6):
        printed, line = said(project, "compare", "studies/a", *options, code=code)
        assert printed == ""
        assert line.endswith("6 of 6 trials, and no answer yet; `charloom study studies/a.yaml` trains and answers\n")
    (project.folder / "link.csv").symlink_to("studies/a/trials.csv")
    columns = ("--setting", "eta", "--seed", "seed", "--measure", "smooth_loss")
    trial = ("--setting", "trial", "--seed", "update", "--measure", "smooth_loss")
    tables = {"studies/a/trials.csv": columns, "link.csv": columns, "studies/a/curves.csv": trial}
    refusal = "its study has no answer with all its trials yet; `charloom study FILE` trains and answers"
    for answers in [], [2]:  # none; one after two seeds, at a look
        path.write_text(json.dumps(asked | {"answers": answers}))
        for table, own in tables.items():
            assert said(project, "compare", "--table", table, *own, code=2) == ("", f"--table: {table}: {refusal}\n")
    path.write_text(json.dumps(asked))
    assert "eta=0.05: " in said(project, "compare", "--table", "studies/a/trials.csv", *columns)[0]
    conducted(project)
    with chdir(project.folder):
        assert answered(study_measurements(read_study(Path("studies/a.yaml")))).comparisons[0].n == 3


@pytest.mark.slow
def test_a_damaged_record_of_an_answer_hides_no_other_and_anew_replaces_it(project):
    (project.folder / "studies/z/asked.json").mkdir(parents=True)
    ask(project, QUESTION.replace("0.05]", "0.02]"), "b")
    assert refused(project, "b") == f"studies/b.yaml: {ONE_TO_THREE}; {NEW}"
    (project.folder / "studies/a/asked.json").write_text("{")
    conducted(project, anew=True)
    assert read_frozen_question(project.folder / "studies/a/asked.json").answers == [3]


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
    question = QUESTION.replace("eta: [0.1, 0.05]", "m: [2, 3]").replace("{}", "{m: 2}")
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
    question = QUESTION.replace("eta: [0.1, 0.05]", "m: [2, 3]").replace("{}", "{m: 2}").replace("seeds: 3", "seeds: 2")
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
    line = "--seeds: studies/a.yaml has shown results of m=2 with seed 2; `--seeds 3` takes free seeds\n"
    assert said(project, *again, "--seeds", "2-4", code=2)[1] == line
    for file, old, new in (("params.yaml", "eta: 0.1", "eta: 0.2"), ("data/my.txt", "Call me", "Call us")):
        project.edit(file, old, new)
        assert "params.yaml or the text is another than at its first start" in said(project, *again, code=2)[1]
        project.edit(file, new, old)
    assert not (project.folder / "studies/a_again.yaml").exists()
