"""The page of all studies says what each one's tables say; one that is damaged is named, and breaks nothing."""

import re
from contextlib import chdir
from pathlib import Path

import pytest
from harmless import Page
from projects import ROOT, STUDIES, copied, said
from rendered import ensure_only_our_script
from study_projects import ask, conducted

from charloom.core.base.storage import sha256
from charloom.study.freeze import read_study
from charloom.study.measuring import study_measurements
from charloom.study_pages.presentation import Presentation
from charloom.study_pages.study_page import INDEX, studies_index
from seedpairs import answered

TWO = "vary: {eta: [0.1, 0.05]}\nbaseline: {}\nseeds: 2\nmeasure: held_out_bits_per_character\n"
OTHER, NEW = TWO.replace("seeds: 2", "seeds: [3, 4]"), TWO.replace("seeds: 2", "seeds: [7, 9]")
SENT: list[dict[str, str]] = []  # the pages that MLflow would get


@pytest.fixture(scope="module")
def studied(finished, tmp_path_factory):
    """A project whose study `b` is answered, that of `c` trained and without a page, and `d` never begun."""
    project = copied(finished, tmp_path_factory.mktemp("index") / "project")
    with pytest.MonkeyPatch.context() as patch:  # sending to MLflow takes seconds, and is tested elsewhere
        patch.setattr("charloom.commands.study.deliver", lambda add, _: SENT.append(add.args[-1]))
        ask(project, TWO, "b")
        said(project, "study", "studies/b.yaml", "--jobs", "1")
        ask(project, OTHER.replace("0.05", "0.2"), "c")
        ask(project, f"title: What of d?\n{NEW}", "d")
        conducted(project, "c")
        yield project


@pytest.fixture
def project(studied, tmp_path):
    return copied(studied, tmp_path / "project")


def articles(folder) -> dict[str, str]:
    """Return what is said of each study, by its file."""
    with chdir(folder):
        content = studies_index()
    texts = [Page(each).text for each in re.findall(r"<article>.*?</article>", content, re.DOTALL)]
    return {text[text.rindex("studies/") :]: text for text in texts}


@pytest.mark.slow
def test_the_index_lists_a_studys_question_verdict_text_and_trainings(studied):
    of_b, of_c, of_d = articles(studied.folder).values()
    verdicts = {}
    with chdir(studied.folder):
        for name in "bc":
            found = study_measurements(read_study(Path(f"studies/{name}.yaml")))
            (verdicts[name],) = Presentation(answered(found)).verdict_lines
    about = f"data/fox.txt (SHA-256 {sha256(studied.folder / 'data/fox.txt')[:12]}…);"
    own = f"{about} 4 trainings, seeds 1 and 2; studies/b.yaml"
    assert of_b == f"Is eta=0.05 better than eta=0.1? {verdicts['b']} {own}"
    second = "this is question 2 about this baseline on this text: each question has its own 5 %"
    missing = "No page yet: charloom study studies/c.yaml writes it."
    own = f"{about} 4 trainings, seeds 3 and 4; {second}; studies/c.yaml"
    assert of_c == f"Is eta=0.2 better than eta=0.1? {verdicts['c']} {missing} {own}"
    missing = "No answer yet: charloom study studies/d.yaml trains and answers."
    assert of_d == f"What of d? {missing} {about} 0 of 4 trainings, seeds 7 and 9; studies/d.yaml"
    with chdir(studied.folder):
        (intro,) = re.findall("<p>(.* questions?: .*?)</p>", studies_index())
    undecided = sum(verdict.startswith("Cannot tell yet") for verdict in verdicts.values())
    count = f"3 questions: {2 - undecided} with a verdict, {undecided} with the answer “cannot tell yet”, 1 without"
    assert intro.startswith(f"{count} an answer.")


@pytest.mark.slow
def test_the_command_writes_it_and_each_page_leads_to_the_other(studied):
    content = (studied.folder / INDEX).read_text(encoding="utf-8")
    ensure_only_our_script(content)
    (link,) = re.findall(r'href="(?!data:)(.*?)"', content)
    page = studied.folder / "studies" / link
    assert page == studied.folder / "studies/b/report.html"
    back = re.search(r'<a href="(\.\./.*?)">All studies', page.read_text(encoding="utf-8"))[1]
    assert (page.parent / back).resolve() == (studied.folder / INDEX).resolve()
    linked = re.sub('<p class="note"><a href="../index.html">.*</p>\n', "", page.read_text(encoding="utf-8"))
    assert SENT[0]["report.html"] == linked  # MLflow has no list of all studies


def test_a_page_has_the_size_of_the_held_out_text(studied):
    with chdir(studied.folder):
        study = read_study(Path("studies/b.yaml"))
    read, share = study.runs.popitem()[1].metrics.held_out_characters_read, study.frozen.params.prepare.held_out
    page = Page((studied.folder / "studies/b/report.html").read_text(encoding="utf-8")).text
    assert f"held-out text is the last {100 * share:g} % of the text; {read:,} of its characters are read." in page


@pytest.mark.slow_but_first
@pytest.mark.parametrize(("name", "content", "complaint"), [
    ("c.yaml", b"\xff\xfe", "studies/c.yaml: "),
    ("c.yaml", OTHER.replace("0.05", "0.3").encode(), "studies/c.yaml: settings: ["),
    ("c/trials.csv", b"seed\n1\n", "studies/c/trials.csv: "),
    ("c/curves.csv", b"\x00", "studies/c/curves.csv: "),
])  # fmt: skip
def test_a_damaged_study_is_named_and_the_others_are_there(studied, name, content, complaint):
    before, path, file = articles(studied.folder), studied.folder / "studies" / name, f"studies/{name[0]}.yaml"
    whole = path.read_bytes()
    path.write_bytes(content)
    after = articles(studied.folder)
    path.write_bytes(whole)
    assert after[file].startswith(f"{file} Refused: {complaint}"), after[file]
    assert {**after, file: ""} == {**before, file: ""}


@pytest.mark.parametrize("question", [
    TWO, f"text: data/none.txt\n{NEW}",
], ids=["asked by b", "no such text"])  # fmt: skip
def test_a_study_that_the_command_refuses_has_the_reason_of_the_command(project, question):
    ask(project, f"title: Which of them?\n{question}", "e")
    _, complaint = said(project, "study", "studies/e.yaml", code=2)
    reason = complaint.strip().removeprefix("error: ").replace("`", "")
    assert articles(project.folder)["studies/e.yaml"] == f"Which of them? Refused: {reason} studies/e.yaml"


def test_a_folder_in_a_files_place_and_a_hostile_name_are_no_more_than_that(project):
    (project.folder / "studies/e.yaml").mkdir()
    (project.folder / "studies/<script>alert(1)<!-- `.yaml").write_text("{{ 7 * 7 }}")
    with chdir(project.folder):
        ensure_only_our_script(studies_index())
    texts = articles(project.folder)
    assert "studies/e.yaml: Is a directory" in texts["studies/e.yaml"]
    assert len(texts) == 5


@pytest.mark.slow
def test_a_study_that_lies_elsewhere_writes_no_page_of_all(project):
    (project.folder / INDEX).unlink()
    (project.folder / "other").mkdir()
    (project.folder / "other/b.yaml").write_text(TWO.replace("seeds: 2", "seeds: [5, 6]"))
    said(project, "study", "other/b.yaml", "--jobs", "1")
    assert "All studies" not in (project.folder / "other/b/report.html").read_text(encoding="utf-8")
    assert not [*project.folder.rglob("index.html")]


def test_the_committed_studies_are_read_and_answered():
    texts = articles(ROOT)
    assert len(texts) == len([*ROOT.glob("studies/*.yaml")])
    assert not re.search("Refused|No answer", "".join(texts[f"studies/{study.name}.yaml"] for study in STUDIES))
    answer = "Better: eta=0.05 against 0.1 at m=100; seq_length=50 against 25 (with 2 times as much text read)."
    assert answer in texts["studies/recipe.yaml"]
    assert "Better: AdaGrad from 10 Cannot tell yet: AdaGrad from 0 " in texts["studies/optimizer.yaml"]
