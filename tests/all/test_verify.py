"""verify says same where everything is, on any processor, and its statement says so to others."""

import json
import shutil

from projects import Project

HOSTILE = {
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",
    "OPENBLAS_CORETYPE": "Prescott",
    "TZ": "Pacific/Chatham",
    "LC_ALL": "C",
    "PYTHONHASHSEED": "12345",
    "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
}


def lines(printed):
    return printed.strip().splitlines()


def test_every_output_is_the_same_also_in_a_strange_environment(project, tmp_path):
    project.edit("README.md", "a test", "an uncommitted change")
    printed = lines(project.run("charloom", "verify", "--statement", "here.json", **HOSTILE, TMPDIR=str(tmp_path)))
    assert printed[-1] == "same"
    assert "grade  the same bits: every result is equal to the last bit" in printed
    assert "uncommitted changes are not checked: only HEAD is" in printed
    assert "same  train: models/best.npz" in printed
    assert "same  sample: reports/sample_table.json" in printed
    assert "same  plot: reports/report.html" in printed
    assert not list(tmp_path.glob("charloom-verify-*"))
    assert "an uncommitted change" in (project.folder / "README.md").read_text()

    project.run("charloom", "verify", "--json", "--statement", "there.json")
    here, there = (json.loads((project.folder / f"{name}.json").read_text()) for name in ("here", "there"))
    assert here["predicate"]["environment"]["processor"] != there["predicate"]["environment"]["processor"]
    assert here["subject"] == there["subject"]
    assert here["predicate"]["configuration"] == there["predicate"]["configuration"]
    listed = "".join(f"{each['digest']['sha256']}  {each['name']}\n" for each in here["subject"])
    (project.folder / "SHA256SUMS").write_text(listed)
    assert project.run("sha256sum", "--check", "SHA256SUMS").count(": OK\n") == len(here["subject"])
    model = project.folder / "models/best.npz"
    content = bytearray(model.read_bytes())
    content[1000] ^= 1
    model.unlink()  # the cache's own file may be behind it
    model.write_bytes(content)
    printed = project.run("sha256sum", "--check", "--quiet", "SHA256SUMS", expect=1)
    assert printed.startswith("models/best.npz: FAILED\n")


def test_a_project_in_a_subfolder_whose_text_dvc_keeps_is_made_again(project, tmp_path):
    project.run("git", "rm", "-q", "--cached", "data/fox.txt")
    project.run("dvc", "add", "-q", "data/fox.txt")
    project.run("git", "init", "-q", str(tmp_path / "whole"))
    below = Project(tmp_path / "whole/below")
    shutil.copytree(project.folder, below.folder, ignore=shutil.ignore_patterns(".git", "mlflow.db*", "mlartifacts"))
    below.run("git", "add", "-A")
    below.run("git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", "commit", "-q", "-m", "a project below")
    assert "below/data/fox.txt\n" not in below.run("git", "ls-files", "--full-name")
    assert lines(below.run("charloom", "verify"))[-1] == "same"
    assert lines(below.run("charloom", "verify", "--quick"))[-1] == "same"
