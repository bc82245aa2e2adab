"""A project that DVC cannot read, and a wrong option, get one line."""

import pytest
from repositories import FILES, Repository


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "DVC cannot read the project"),
        ({"dvc.yaml": "params: [x.yaml]\n", "x.yaml": "a: 1\n"}, "HEAD has no stage"),
        ({"dvc.yaml": "stages: [1]\n"}, "DVC cannot read the project"),
        ({"dvc.yaml": "stages:\n  out:\n    cmd: ls\n    outs: [../x]\n"}, "outside the project's folder"),
        (FILES | {"dvc.lock": "stages: [\n"}, "DVC"),
    ],
)
def test_an_unreadable_project_gets_one_line(tmp_path, files, reason):
    project = Repository(tmp_path)
    project.run("git", "init", "-q")
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").touch()
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    if not files:
        (tmp_path / ".dvc/config").unlink()
    project.commit()
    printed = project.proof("verify", expect=2)
    assert reason in printed
    assert "Traceback" not in printed
    assert len(printed.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("params.yaml", "times: 1\ntimes: 2\n", ["'params.yaml'", "line 2", "times"]),
        ("dvc.yaml", "stages:\n  a: {cmd: ls}\n  a: {cmd: ls}\n", ["'dvc.yaml'", "line 3", '"a"']),
        ("dvc.yaml", "stages: {a: {cmd: ls, output: [b]}}\n", ["'dvc.yaml'", "output"]),
        ("sub/x.dvc", "outs: [\n", ["'sub/x.dvc'", "line 2"]),
    ],
)
def test_a_file_that_dvc_cannot_read_is_named_with_line_and_key_as_in_the_project(project, name, content, words):
    (project.folder / name).parent.mkdir(exist_ok=True)
    (project.folder / name).write_text(content)
    project.commit()
    printed = project.proof("verify", expect=2)
    assert [word for word in words if word not in printed] == [], printed
    assert "committed/" not in printed
    assert len(printed.splitlines()) == 1


@pytest.mark.parametrize("value", ["0", "-1", "x", "nan", "1e99"])
def test_a_time_that_is_none_is_refused(tmp_path, value):
    assert "--seconds" in Repository(tmp_path).proof("verify", f"--seconds={value}", expect=2)


@pytest.mark.parametrize("command", [("verify",), ("blame", "../count.json:words")])
def test_a_folder_inside_a_project_is_refused_with_the_folder_to_start_in(project, command):
    project.write(part_in_x__txt="")
    project.commit()
    printed = Repository(project.folder / "part").proof(*command, expect=2)
    assert "start the command in the " in printed
    assert len(printed.splitlines()) == 1
