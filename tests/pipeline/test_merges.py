"""Branches whose results differ are merged as docs/sharing.md says."""

import pytest
from projects import ROOT, copied

PAGE = (ROOT / "docs/sharing.md").read_text(encoding="utf-8")
TYPED = PAGE.partition("**A merge conflict.**")[2].partition("```sh\n")[2].partition("```")[0].splitlines()


@pytest.mark.slow
def test_a_conflict_in_dvc_lock_is_resolved_by_either_side_and_repro(project, tmp_path, compiled_before):
    start = project.run("git", "rev-parse", "HEAD").strip()
    for branch, params in (("other", {"eta": 0.05}), ("mine", {"length": 60})):
        project.run("git", "switch", "-q", "-c", branch, start)
        project.set(**params)
        project.run("dvc", "repro", "plot")
        project.commit(branch)
    merge, checkout, *rest, verify = [line.partition("#")[0].strip() for line in TYPED]
    printed = project.run("bash", "-c", merge, expect=1)
    assert "Merge conflict in dvc.lock" in printed
    for side in ("ours", "theirs"):
        merged = copied(project, tmp_path / side)
        merged.run("bash", "-c", checkout.replace("--ours", f"--{side}"))
        for command in rest:
            merged.run("bash", "-c", command)
        assert merged.run("bash", "-c", verify, **compiled_before).splitlines()[-1] == "same"
        params = (merged.folder / "params.yaml").read_text()
        assert "eta: 0.05" in params
        assert "length: 60" in params
