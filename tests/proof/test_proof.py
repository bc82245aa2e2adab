"""What verify compares, how it names a difference before it rebuilds anything, and what it refuses."""

import json
import re
from contextlib import chdir

import pytest
from projects import Project, copied, said

from charloom.core.base.errors import WrongInput
from charloom.core.base.git import git
from charloom.core.settings.pipeline import Project as Folder
from charloom.proof.outputs import Output, outputs
from charloom.proof.rebuild import Failed, cloned, rebuilt_lock
from charloom.proof.verify import verify
from charloom.signature.hashes import RECIPES


def test_every_output_is_known_with_whether_git_has_it_and_no_word_in_dvc_yaml_takes_it_out(tmp_path):
    outs = "a.json: {cache: false, meta: {varies: it does}}, reports/b.png: {meta: {varies: it does}}"
    (tmp_path / "dvc.yaml").write_text(f"stages: {{train: {{outs: [{outs}]}}}}")
    assert [*outputs(Folder(tmp_path))] == [Output("train", "a.json", True), Output("train", "reports/b.png", False)]


@pytest.mark.parametrize("path", ["../a.json", "/a.json", "a/../../b.json"])
def test_an_output_outside_of_the_folder_is_refused(tmp_path, path):
    (tmp_path / "dvc.yaml").write_text(f"stages: {{train: {{outs: [{path}]}}}}")
    line = f"train: output {re.escape(path)} is not allowed; allowed is a path in this folder"
    with pytest.raises(WrongInput, match=line):
        list(outputs(Folder(tmp_path)))


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new", "differ", "words", "cause"), [
    ('"500": "', '"500": "0', [f"{kind}.500" for kind in RECIPES], "committed 0", "compiled code differ"),
    ('"500": "', '"501": "', [f"{kind}.500" for kind in RECIPES], "committed nothing…, here ", "compiled code "),
    (': "', ': "0', None, "committed 0", "this machine has probes.exp "),
])  # fmt: skip
def test_a_changed_signature_is_named_with_its_cause_also_as_json(project, old, new, differ, words, cause):
    project.edit("signature.json", old, new)
    project.run("git", "commit", "-q", "-a", "-m", "a changed result")
    printed, complaint = said(project, "verify", "--json", code=1)
    found = json.loads(printed)
    different = [row["file"] for row in found["files"] if row["result"] == "different"]
    assert found["last"] == f"first difference: signature: {different[0]}"
    assert different == (differ or [row["file"] for row in found["files"]])
    assert found["commit"] == project.run("git", "rev-parse", "HEAD").strip()
    assert cause in "\n".join(found["causes"])
    assert f"DIFFERENT  signature: {different[0]}: {words}" in complaint
    assert complaint.endswith(f"{found['last']}\n")


def test_a_signature_that_is_none_is_a_line(project):
    for content in ("{", None):
        path = project.folder / "signature.json"
        path.unlink() if content is None else path.write_text(content)
        project.run("git", "commit", "-q", "-a", "-m", "no signature")
        complaint = said(project, "verify", code=1)[1]
        assert complaint.startswith("first difference: signature: signature.json: not what ")


@pytest.mark.parametrize(("options", "line"), [
    (["--statement", "no/x.json"], "--statement: no/x.json is not allowed; allowed is a file in a folder"),
    (["--statement", "src"], "--statement: src is not allowed; allowed is a file in a folder"),
    (["--study", "studies/x.yaml", "--json"], "--json: cannot be combined with --study"),
    (["--study", "studies/x.yaml"], "studies/x.yaml: No such file or directory"),
])  # fmt: skip
def test_options_that_do_not_go_together_are_refused(finished, options, line):
    assert line in said(finished, "verify", *options, code=2)[1]


def test_outside_a_repository_and_before_the_first_commit_there_is_nothing_to_check(tmp_path):
    with chdir(tmp_path), pytest.raises(WrongInput, match="not a Git repository"):
        verify(print)
    Project(tmp_path).run("git", "init", "-q")
    with chdir(tmp_path), pytest.raises(WrongInput, match=r"^HEAD: no commit yet; "):
        verify(print)


@pytest.mark.slow
def test_dvc_that_fails_before_the_first_stage_is_named(finished, tmp_path):
    project = copied(finished, tmp_path / "project")
    (project.folder / "broken.dvc").write_text("outs: [")
    project.commit()
    with chdir(project.folder):
        clone = cloned(tmp_path / "clone", git("rev-parse", "HEAD"))
    with pytest.raises(Failed, match=r"^dvc$"):
        rebuilt_lock(clone, print)
