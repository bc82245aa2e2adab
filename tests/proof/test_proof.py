"""What verify compares, how it names a difference before it rebuilds anything, and what it refuses."""

import json
import re
from contextlib import chdir

import pytest
from projects import ROOT, Project, said

from charloom.base.errors import Unavailable, WrongInput
from charloom.proof.dvc_command import cache
from charloom.proof.meaning import ANOTHER, SAME_BITS, SAME_CONCLUSION, SAME_TEXT, WITHIN, grade
from charloom.proof.outputs import Output, Pair, outputs
from charloom.proof.signatures import named
from charloom.proof.verify import verify
from charloom.settings.pipeline import Project as Folder
from charloom.signature.hashes import RECIPES


def test_every_output_is_known_with_whether_git_has_it():
    made = list(outputs(Folder(ROOT)))
    assert {output.path for output in made if not output.in_git} >= {"models/best.npz", "reports/report.html"}
    assert {output.path for output in made if output.in_git} >= {"metrics/train.json", "plots/smooth_loss.csv"}


def test_a_word_in_dvc_yaml_takes_no_output_out_of_the_comparison(tmp_path):
    outs = "a.json: {cache: false, meta: {varies: it does}}, reports/b.png: {meta: {varies: it does}}"
    (tmp_path / "dvc.yaml").write_text(f"stages: {{train: {{outs: [{outs}]}}}}")
    assert [*outputs(Folder(tmp_path))] == [Output("train", "a.json", True), Output("train", "reports/b.png", False)]


@pytest.mark.parametrize("path", ["../a.json", "/a.json", "a/../../b.json"])
def test_an_output_outside_of_the_folder_is_refused(tmp_path, path):
    (tmp_path / "dvc.yaml").write_text(f"stages: {{train: {{outs: [{path}]}}}}")
    with pytest.raises(
        WrongInput, match=f"train: output {re.escape(path)} is not allowed; allowed is a path in this folder"
    ):
        list(outputs(Folder(tmp_path)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "differ", "cause"),
    [
        ('"500": "', [f"{kind} state after 500 updates" for kind in RECIPES],
         "signature.json was edited: a later state is the same"),
        ('"float32": "', ["float32 costs", "float32 texts"], "or the kernel differs in this computation only"),
    ],
)  # fmt: skip
def test_a_changed_signature_is_named_with_what_it_may_come_from_and_as_json_that_is_all_of_standard_output(
    project, old, differ, cause
):
    project.edit("signature.json", old, f"{old}0")
    project.run("git", "commit", "-q", "-a", "-m", "a changed result")
    printed, complaint = said(project, "verify", "--json", code=1)
    found = json.loads(printed)
    assert found["last"] == f"first difference: signature: {differ[0]}"
    assert [row["file"] for row in found["files"] if row["result"] == "different"] == differ
    assert found["commit"] == project.run("git", "rev-parse", "HEAD").strip()
    assert cause in found["causes"][0]
    assert f"DIFFERENT  signature: {differ[0]}: committed 0" in complaint
    assert "probe  exp: same\n" in complaint
    assert "probe  NumPy: " in complaint
    assert complaint.endswith(f"{found['last']}\n")


def test_a_signature_that_is_none_is_a_line(project):
    for content in ("{}", None):
        path = project.folder / "signature.json"
        path.unlink() if content is None else path.write_text(content)
        project.run("git", "commit", "-q", "-a", "-m", "no signature")
        complaint = said(project, "verify", code=1)[1]
        assert complaint.startswith("first difference: signature: signature.json: not what ")


def test_before_the_first_commit_there_is_nothing_to_check(tmp_path):
    Project(tmp_path).run("git", "init", "-q")
    with chdir(tmp_path), pytest.raises(WrongInput, match=r"^HEAD: no commit yet; "):
        verify(print)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--quick", "--statement", "x.json"], "--statement: cannot be combined with --quick"),
        (["--statement", "no/x.json"], "--statement: no/x.json is not allowed; allowed is a file in a folder"),
        (["--statement", "src"], "--statement: src is not allowed; allowed is a file in a folder"),
        (["--study", "studies/x.yaml", "--json"], "--json: cannot be combined with --study"),
        (["--study", "studies/x.yaml"], "studies/x.yaml: No such file or directory"),
    ],
)  # fmt: skip
def test_options_that_do_not_go_together_are_refused(finished, options, line):
    assert line in said(finished, "verify", *options, code=2)[1]


def test_where_dvc_keeps_nothing_there_is_no_cache(tmp_path):
    with chdir(tmp_path), pytest.raises(Unavailable, match=r"^dvc cache dir: ERROR: "):
        cache()


def test_outside_a_repository_it_says_so(tmp_path):
    with chdir(tmp_path), pytest.raises(WrongInput, match="not a Git repository"):
        verify(print)


def test_the_signature_names_both_types_and_what_they_read_and_write():
    each, hashes = {"1": "a"}, {"float64": "b", "float32": "c"}
    signature = {"float64": each, "float32": each, "costs": hashes, "texts": hashes, "libraries": {}}
    assert list(named(signature)) == [
        "float64 state after 1 updates",
        "float32 state after 1 updates",
        "float64 costs",
        "float32 costs",
        "float64 texts",
        "float32 texts",
    ]


def made(path, committed, rebuilt, *, in_git=True):
    """Return an output whose two contents have these hashes, of dvc.lock the committed one."""
    name = path.rpartition("/")[2]
    contents = [{name: each.encode()} for each in (committed, rebuilt)]
    return Pair(Output("a stage", path, in_git), committed, *contents, (committed, rebuilt))


@pytest.mark.parametrize(
    ("costs", "samples", "reached"),
    [
        (2.8, "a", SAME_BITS),
        (2.8 + 1e-9, "a", SAME_TEXT),
        (2.8 + 1e-9, "b", WITHIN),
        (2.809, "a", SAME_CONCLUSION),
        (2.811, "a", ANOTHER),
    ],
)
def test_the_grade_says_how_near_it_comes(costs, samples, reached):
    figures = ['{"held_out_bits_per_character": %r, "updates": 4}' % each for each in (2.8, costs)]  # noqa: UP031
    table = made("reports/sample_table.json", "a", samples, in_git=False)
    assert grade([made("metrics/train.json", *figures), table]) == reached


def test_without_held_out_text_no_conclusion_is_the_same():
    figures = ['{"held_out_bits_per_character": null, "smooth_loss": %d}' % each for each in (3, 4)]  # noqa: UP031
    assert grade([made("metrics/train.json", *figures)]) == ANOTHER
