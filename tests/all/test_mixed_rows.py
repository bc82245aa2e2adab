"""Rows that are lost, taken away, or of other sources or another question decide nothing."""

import csv
import io
from functools import cache

from projects import STUDIES, said
from study_projects import ask, conducted, tables

from charloom.results.study_table import read_frozen_question
from charloom.study.trial import small_trial

MEASURE = "held_out_bits_per_character"
QUESTION = f"vary: {{eta: [0.1, 0.05]}}\nbaseline: {{eta: 0.1}}\nseeds: 4\nmeasure: {MEASURE}\n"


def test_rows_taken_away_do_not_decide_earlier_than_was_asked(project):
    """Four seeds were asked, with one look: what two that suit say is no verdict."""
    folder = ask(project, QUESTION)
    conducted(project)
    with (folder / "trials.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    bits = {"1": 3.5, "2": 3.501, "3": 4.6, "4": 4.2}  # two seeds that differ alike, and two that say the contrary
    for row in rows:
        row[head.index(MEASURE)] = str(4.0 if row[0] == "0.1" else bits[row[1]])
    (folder / "passages.csv").unlink()  # it would contradict the edited measure
    for chosen in (rows, [row for row in rows if row[1] in "12"]):
        content = io.StringIO()
        csv.writer(content, lineterminator="\n").writerows([head, *chosen])
        (folder / "trials.csv").write_text(content.getvalue())
        assert "Cannot tell yet: eta=0.05" in said(project, "compare", "studies/a")[0]


def test_a_lost_file_restarts_no_question_and_foreign_rows_are_not_used(project):
    folder = ask(project, QUESTION)
    conducted(project)
    made, question = tables(folder), project.folder / "studies/a.yaml"
    lines = {"trials.csv": (2, "at the first start, "), "asked.json": (3, "asked.json: No such file or direc")}
    for name, (code, line) in lines.items():
        (folder / name).unlink()
        question.write_text(QUESTION.replace(MEASURE, "smooth_loss"))
        assert line in said(project, "study", "studies/a.yaml", "--jobs", "1", code=code)[1]
        (folder / name).write_bytes(made[name])
    question.write_text(QUESTION.replace("seeds: 4", "seeds: 5"))
    conducted(project)
    (folder / "asked.json").write_bytes(made["asked.json"])
    question.write_text(QUESTION)
    complaint = said(project, "compare", "studies/a", code=2)[1]
    assert "studies/a/trials.csv: 2 rows belong to no trial of studies/a.yaml; " in complaint


def test_these_sources_make_the_rows_of_the_committed_studies():
    """An edit that changes rows of any kind changes a small trial, else such rows would mix: see mutants.toml."""
    digest = cache(small_trial)
    for study in STUDIES:
        asked = read_frozen_question(study / "asked.json")
        assert asked.small_trials == {kind: digest(kind, asked.measures) for kind in asked.arithmetic}, study
