"""What was fetched is not executed, and what is not to be shared stays out of Git."""

from projects import said

MARK = "somebody_elses_code_ran"


def test_no_command_runs_the_code_of_an_experiment_or_puts_a_file_into_git(project):
    """An experiment that was pulled is a ref; its run is not in MLflow, which once made `track` run its track.py."""
    track = project.folder / "src/track.py"
    own = track.read_text()
    for name in ("track", "charloom/__init__"):
        path = project.folder / f"src/{name}.py"
        path.write_text(f"open({str(project.folder / MARK)!r}, 'w')\n" + path.read_text())
    project.run("git", "commit", "-qam", "an experiment")
    project.run("git", "update-ref", "refs/exps/00/11/pulled", "HEAD")
    project.run("git", "reset", "-q", "--hard", "HEAD~1")
    assert track.read_text() == own
    (project.folder / ".env").write_text("SECRET=sesame\n")
    before = [
        project.run("git", *words) for words in (("for-each-ref",), ("count-objects", "-v"), ("status", "--short"))
    ]
    said(project, "track")
    assert len(project.runs()) == 1
    assert not (project.folder / MARK).exists()
    assert before == [
        project.run("git", *words) for words in (("for-each-ref",), ("count-objects", "-v"), ("status", "--short"))
    ]
