"""A stage runs the sources that lie beside its script, or says that it would not."""

import shutil

from projects import ROOT


def test_a_stage_that_would_run_the_sources_of_another_checkout_refuses_in_a_line(project):
    printed = project.run("python", "src/prepare.py", "--check", PYTHONSAFEPATH="1", expect=2)
    assert printed == (
        f"{project.folder}/src/prepare.py: would run the sources in {ROOT}/src; unset PYTHONSAFEPATH and PYTHONPATH\n"
    )


def test_its_own_sources_may_lie_anywhere(project, tmp_path):
    shutil.copytree(project.folder, tmp_path / "a folder, moved")
    project.run("python", "src/prepare.py", "--check", cwd=tmp_path / "a folder, moved")
