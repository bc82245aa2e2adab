"""`charloom summary` prints whether a change is better, and which machines reproduced the results."""

import json
from pathlib import Path

import pytest
from harmless import HOSTILE, ensure_harmless
from projects import Project, copied, said
from study_projects import ask, conducted, smaller_eta_than_base

from charloom.core.base.git import git

QUESTION = (
    "vary: {eta: [0.1, 0.05, 0.2]}\nbaseline: {eta: 0.1}\nseeds: 3\nmeasure: held_out_bits_per_character\n"
    "smallest_difference: 0.01\n"
)


def verified(project: Project, folder: Path, name: str = "here", **values: object) -> str:
    """Return a file in the folder as `charloom verify --json` prints it."""
    machine = {"processor": HOSTILE, "system": "Linux x86_64", "python": "3.11.7", "numpy": "2.4.6", "numba": "0.68.1"}
    found = {"commit": git("rev-parse", "HEAD", folder=project.folder), "last": "same", "agreement": "the same bits"}
    path = folder / f"{name}.json"
    path.write_text(json.dumps(found | {"files": [], "causes": [], "machine": machine} | values))
    return str(path)


@pytest.mark.slow
def test_summary_uses_the_study_that_has_both_settings(project, tmp_path):
    smaller_eta_than_base(project, QUESTION)
    project.edit("studies/a.yaml", "seeds: 3", "seeds: 4")
    conducted(project)
    project.run("git", "commit", "-q", "-a", "-m", "a smaller eta")
    statement = verified(project, tmp_path)
    printed, _ = said(project, "summary", "--base", "base", "--verified", statement, statement)  # it counts once
    ensure_harmless(printed)
    assert "<code>train</code> is the first with other outputs, because of <code>eta</code>." in printed
    assert "<b>Better:</b> <code>eta=0.05</code> against <code>eta=0.1</code>: <b>" in printed
    # The answer at three seeds was the only one: the fourth is shown, and decides nothing.
    assert "3 seeds, by the study <code>studies/a</code>, with 2 comparisons." in printed
    assert "<b>Reproduced:</b> bit for bit, on 1 machine." in printed
    project.edit("params.yaml", "eta: 0.05", "eta:  0.05")
    printed, _ = said(project, "summary", "--base", "base")
    assert "or there are uncommitted changes.</li>" in printed
    assert "Is it better?" not in printed


@pytest.mark.slow
def test_a_study_added_by_a_branch_decides_which_setting_is_better(project):
    project.run("git", "branch", "base")
    ask(project, QUESTION)
    conducted(project)
    project.commit("a study")
    printed, _ = said(project, "summary", "--base", "base")
    assert printed.startswith("<ul>\n<li><b>Better:</b> <code>a.yaml</code> says: <code>")
    assert "What <code>studies/a</code> says" in printed


@pytest.mark.slow
def test_summary_does_not_judge_a_change_if_dvc_status_fails(finished, tmp_path):
    project = copied(finished, tmp_path / "project")
    (project.folder / "broken.dvc").write_text("outs: [")
    project.commit()
    printed, _ = said(project, "summary", "--base", "HEAD~1")
    assert "Not known: <code>dvc status: " in printed
    assert "<b>Better:</b> not known: no <code>dvc.lock</code> shows that the committed files made the res" in printed


@pytest.mark.slow
@pytest.mark.parametrize("other", [{"machine": {"colour": "red"}}, {"causes": ["another"]}, {"colour": "red"}])
def test_reports_of_one_machine_count_once(finished, tmp_path, other):
    first = verified(finished, tmp_path)
    report = json.loads(Path(first).read_text())
    for key, value in other.items():
        report[key] = report[key] | value if isinstance(value, dict) else value
    (tmp_path / "second.json").write_text(json.dumps(report))
    printed, _ = said(finished, "summary", "--base", "HEAD", "--verified", first, str(tmp_path / "second.json"))
    assert "<b>Reproduced:</b> bit for bit, on 1 machine." in printed


def test_a_file_that_verify_did_not_print_is_refused(finished, tmp_path):
    file = tmp_path / "here.json"
    for content, key in (("", ""), ('{"last": "same"}', "commit: ")):
        file.write_text(content)
        complaint = said(finished, "summary", "--base", "HEAD", "--verified", str(file), code=3)[1]
        assert complaint.startswith(f"{file}: {key}")
        assert "`charloom verify --json` prints such a file" in complaint


@pytest.mark.slow
def test_summary_names_stale_results_first_and_does_not_judge_the_change(project, tmp_path):
    project.edit("params.yaml", "sigma: 0.01", "sigma: 0.02")
    project.edit("dvc.yaml", "\n  sample:\n", "\n  another name:\n")
    project.run("git", "commit", "-q", "-a", "-m", "params, and the results of other ones; a stage is gone")
    first = "first difference: train: metrics/train.json"
    file = verified(project, tmp_path, last=first, agreement="another result", causes=[HOSTILE])
    other = verified(project, tmp_path, "other", commit="0" * 40)
    printed, _ = said(project, "summary", "--base", "HEAD~1", "--verified", file, other)
    ensure_harmless(printed)
    assert "<b>Better:</b> not known: no <code>dvc.lock</code> shows that the committed files made the res" in printed
    assert "⚠️ Different from <code>dvc.lock</code>: <code>prepare</code>: <code>sigma</code>; " in printed
    assert "<b>Reproduced:</b> ⚠️ <b>not</b> bit for bit on 1 of 1 machine." in printed
    assert "⚠️ <code>another result</code></td><td><code>first difference: train: metrics/" in printed
    assert "<td>the same bits</td><td>report about another commit: <code>0000000000</code></td>" in printed
