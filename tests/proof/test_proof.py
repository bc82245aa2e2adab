"""What verify compares, how it names a difference before it rebuilds anything, and what it refuses."""

import re
from contextlib import chdir

import pytest
from projects import Project, copied, said

from charloom.core.base.errors import WrongInput
from charloom.core.base.git import git
from charloom.proof.rebuild import cloned, rebuild
from charloom.proof.verify import verify
from charloom.signature.hashes import RECIPES
from dvc_proof.git import Refused


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new", "differ", "words", "cause"), [
    ('"500": "', '"500": "0', [f"{kind}.500" for kind in RECIPES], "committed 0", "compiled code differ"),
    ('"500": "', '"501": "', [f"{kind}.500" for kind in RECIPES], "committed nothing…, here ", "compiled code "),
    (': "', ': "0', None, "committed 0", "this machine has probes.exp "),
])  # fmt: skip
def test_a_changed_signature_is_named_with_its_cause(project, old, new, differ, words, cause):
    project.edit("signature.json", old, new)
    project.run("git", "commit", "-q", "-a", "-m", "a changed result")
    printed, complaint = said(project, "verify", code=1)
    different = re.findall(r"^DIFFERENT  signature: (.+?): committed", printed, re.MULTILINE)
    assert different == (differ or re.findall(r"  signature: ([\w. ]+?)(?::|$)", printed, re.MULTILINE))
    assert f"DIFFERENT  signature: {different[0]}: {words}" in printed
    assert cause in "".join(line for line in printed.splitlines() if line.startswith("cause  "))
    assert complaint == f"first difference: signature: {different[0]}\n"


def test_a_signature_that_is_none_is_a_line(project):
    for content in ("{", None):
        path = project.folder / "signature.json"
        path.unlink() if content is None else path.write_text(content)
        project.run("git", "commit", "-q", "-a", "-m", "no signature")
        complaint = said(project, "verify", code=1)[1]
        assert complaint.startswith("first difference: signature: signature.json: not what ")


@pytest.mark.parametrize("option", ["--json", "--study=studies/x.yaml"])
def test_an_option_that_there_was_is_refused(finished, option):
    complaint = said(finished, "verify", option, code=2)[1]
    assert complaint.startswith(f"{option.partition(chr(61))[0]}: unknown option; allowed are ")


def test_verify_needs_a_repository_with_a_commit(tmp_path):
    with chdir(tmp_path), pytest.raises(WrongInput, match="not a Git repository"):
        verify(print)
    Project(tmp_path).run("git", "init", "-q")
    with chdir(tmp_path), pytest.raises(WrongInput, match=r"^HEAD: no commit yet; "):
        verify(print)


@pytest.mark.slow
def test_a_project_that_dvc_cannot_read_names_the_file(finished, tmp_path):
    project = copied(finished, tmp_path / "project")
    (project.folder / "broken.dvc").write_text("outs: [")
    project.commit()
    with chdir(project.folder):
        clone = cloned(tmp_path / "clone", git("rev-parse", "HEAD"))
    with pytest.raises(Refused, match=r"broken\.dvc"):
        rebuild(clone, print)
