"""What verify compares, and how it names a difference before it rebuilds anything."""

import pytest
from projects import ROOT, said

from charloom.base.errors import WrongInput
from charloom.proof.verify import _named, _outputs, verify


def test_every_output_is_compared_but_what_measures_rounding_or_is_drawn():
    outputs = list(_outputs(ROOT))
    assert [output.path for output in outputs if output.varies] == [
        "reports/gradcheck.json",
        "reports/smooth_loss.png",
        "reports/gradient_check.md",
    ]
    assert {output.path for output in outputs if not output.in_git} >= {"models/best.npz", "reports/sample_table.json"}
    assert {output.path for output in outputs if output.in_git} >= {"metrics/train.json", "plots/smooth_loss.csv"}


@pytest.mark.parametrize(("old", "name"), [('"500": "', "float64 state after 500"), ('"float32": "', "float32 costs")])
def test_a_changed_signature_is_named_with_what_it_may_come_from(project, old, name):
    project.edit("signature.json", old, f"{old}0")
    project.run("git", "commit", "-q", "-a", "-m", "a changed result")
    printed, complaint = said(project, "verify", code=1)
    assert complaint.startswith(f"first difference: signature: {name}")
    assert "probe  exp: same\n" in printed
    assert "probe  NumPy: " in printed


def test_outside_a_repository_it_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WrongInput, match="git show: "):
        verify()


def test_the_signature_names_both_types_and_what_they_read_and_write():
    each, hashes = {"1": "a"}, {"float64": "b", "float32": "c"}
    signature = {"float64": each, "float32": each, "costs": hashes, "texts": hashes, "libraries": {}}
    assert list(_named(signature)) == [
        "float64 state after 1 updates",
        "float32 state after 1 updates",
        "float64 costs",
        "float32 costs",
        "float64 texts",
        "float32 texts",
    ]
