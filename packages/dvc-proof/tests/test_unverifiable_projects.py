"""A stage or file that cannot be verified is no difference, and its row says why."""

import re
import subprocess

import pytest
from repositories import SHOWN, Repository, both, edit, made, table_in_git, without_lock_of_count


def failing(project):
    project.edit("count.py", "import json", "import nothing")
    project.relock("count.py")


def windows_table(project):
    """Git has the line ends of Unix; the .dvc file was written on Windows."""
    table_in_git(project, "a,b\n1,2\n")
    project.relock("table.csv", b"a,b\r\n1,2\r\n", "table.csv.dvc")


def windows_code(project):
    content = (project.folder / "count.py").read_bytes()
    project.relock("count.py", content.replace(b"\n", b"\r\n"))


def damaged_cache(project):
    (entry,) = re.findall(r"md5: (\w+)", (project.folder / "table.csv.dvc").read_text())
    file = project.folder / ".dvc/cache/files/md5" / entry[:2] / entry[2:]
    file.chmod(0o644)
    file.write_text("a,b\n1,4\n")
    (project.folder / "table.csv").unlink()


def no_data(project):
    (project.folder / "table.csv").unlink()
    subprocess.run(["rm", "-rf", str(project.folder / ".dvc/cache")], check=True)


def submodule(project):
    part = Repository(project.folder.parent / "part")
    part.folder.mkdir()
    part.run("git", "init", "-q")
    part.write(dvc__yaml="metrics: [claim.json]\n", claim__json="{}\n")
    part.commit()
    project.run("git", "-c", "protocol.file.allow=always", "submodule", "-q", "add", str(part.folder), "part")


UNKNOWN = {
    "data in Git with other line ends": (
        windows_table,
        "data, not rebuilt: table.csv: it is not the data of its .dvc file: ",
    ),
    "code with other line ends": (
        windows_code,
        "count: dvc.lock: dvc.lock was made with another count.py: only the line ends differ (stages: count)",
    ),
    "a stage that dvc.yaml lacks": (
        edit(("dvc.yaml", "  split:", "  other:")),
        "split: dvc.lock: dvc.yaml has no such stage",
    ),
    "a frozen stage": (
        edit(("dvc.yaml", "  count:\n", "  count:\n    frozen: true\n")),
        "count: no results: it is frozen",
    ),
    "a metric of nobody": (
        both(edit(("dvc.yaml", "stages:\n", SHOWN)), lambda p: p.write(extra__json="{}\n")),
        "dvc.yaml: extra.json: no stage makes it",
    ),
    "no hash": (without_lock_of_count, "count: count.json: dvc.lock has no hash of it"),
    "a failing stage": (failing, "count: no results: it failed: ModuleNotFoundError: No module named 'nothing'"),
    "data that nobody has": (no_data, "data, not rebuilt: table.csv: it cannot be had: "),
    "data that is damaged in the cache": (damaged_cache, "data, not rebuilt: table.csv: it cannot be had: "),
    "a missing input": (
        edit(("dvc.yaml", "deps: [raw.txt]", "deps: [raw.txt, nowhere.txt]")),
        "words: no results: nowhere.txt is missing",
    ),
    "a result from history": (
        edit(("dvc.yaml", "cmd: python count.py", "cmd: git show HEAD:count.json > count.json")),
        "count: no results: it failed: fatal: ",
    ),
    "a result that Git lacks": (lambda p: (p.folder / "count.json").unlink(), "count: count.json: it is not committed"),
    "a submodule": (submodule, "part: dvc.yaml: a submodule"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", UNKNOWN)
def test_unverifiable_results_are_no_difference_and_have_a_reason(project, name):
    plant, reason = UNKNOWN[name]
    plant(project)
    project.commit()
    printed = project.proof("verify", expect=1 if name == "a result from history" else 2)
    assert f"not verified  {reason}" in printed
    assert "same  words: words.txt" in printed or "words: no results" in printed


@pytest.mark.slow
def test_a_run_has_its_time_and_its_folder_can_be_kept(project, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    project.edit("dvc.yaml", "cmd: python count.py", "cmd: cd / && sleep 300")
    project.commit()
    printed = project.proof("verify", "--seconds", "15", "--keep", expect=1)
    assert "not verified  count: no results: the time was over" in printed
    assert "same  words: words.txt" in printed
    kept = re.search(r"^the clones are in (.*)$", printed, re.MULTILINE)[1]
    assert (tmp_path / kept / "rebuilt/words.txt").exists()


@pytest.mark.slow
def test_a_second_run_that_ends_early_accuses_no_result(project, tmp_path):
    once = tmp_path / "once"
    project.edit("dvc.yaml", "cmd: python count.py", f"cmd: mkdir {once} && python count.py")
    project.run("dvc", "repro", "-q")
    once.rmdir()
    project.commit()
    printed = project.proof("verify", "--twice", expect=2)
    assert "same  count: count.json\n" in printed
    assert "not verified  count: count.json: it failed: mkdir: " in printed


@pytest.mark.slow
def test_a_project_without_anything_to_compare_is_not_verified(tmp_path):
    project = made(tmp_path / "project", {"dvc.yaml": "stages:\n  publish:\n    cmd: echo 1\n"})
    assert project.proof("verify", expect=2).endswith("0 same, 0 different, 0 not verified\n")
