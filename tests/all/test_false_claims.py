"""False things that once were called the same, better or recorded: by what is claimed. None of them passes."""

import json
import os
import re
import subprocess
import sys

import pytest
from projects import ROOT, Project, said
from study_projects import ask, conducted, smaller_eta_than_base

from charloom.settings.dvc_lock import md5

MEASURE = "held_out_bits_per_character"
QUESTION = f"vary: {{eta: [0.1, 0.05]}}\nbaseline: {{eta: 0.1}}\nseeds: 4\nmeasure: {MEASURE}\n"


def commit(project) -> None:
    project.run("git", "add", "-A", "-f", "metrics", "plots", "studies", "dvc.yaml", "dvc.lock", "reports", expect=None)
    project.run("git", "commit", "-q", "-a", "-m", "a claim")


def verified(project, code: int = 1) -> str:
    printed, complaint = said(project, "verify", "--statement", "statement.json", code=code)
    assert not (project.folder / "statement.json").exists()
    return printed + complaint


def test_frozen_results_are_not_called_the_same(project):
    """The stage is frozen, its outputs are in Git, a digit of them and their hash in dvc.lock are changed."""
    project.edit("dvc.yaml", "  gradcheck:\n", "  gradcheck:\n    frozen: true\n")
    path = project.folder / "metrics/gradcheck.json"
    before = md5(path)
    said_of_it = json.loads(path.read_text()) | {"tolerance": 1e-9}
    path.write_text(json.dumps(said_of_it))
    project.edit("dvc.lock", before, md5(path))
    commit(project)
    assert "DIFFERENT  gradcheck: dvc.yaml: gradcheck: frozen: DVC does not run it" in verified(project)


def test_an_invented_metric_that_persists_is_not_called_the_same(project):
    (project.folder / "metrics/claim.json").write_text('{"accuracy": 1.0}\n')
    project.edit(
        "dvc.yaml", "      - metrics/gradcheck.json: {cache: false}\n",
        "      - metrics/gradcheck.json: {cache: false}\n      - metrics/claim.json: {cache: false, persist: true}\n",
    )  # fmt: skip
    commit(project)
    assert "first difference: gradcheck: it failed" in verified(project)


def unnamed(project, _):
    (project.folder / "metrics/claim.json").write_text('{"accuracy": 1.0}\n')
    return "metrics/claim.json: no stage makes it"


def of_a_submodule(project, outside):
    outside.mkdir()
    part = Project(outside)
    (outside / "claim.json").write_text('{"accuracy": 1.0}\n')
    (outside / "dvc.yaml").write_text("metrics: [claim.json]\n")
    part.run("git", "init", "-q")
    part.run("git", "add", "-A")
    part.run("git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", "commit", "-q", "-m", "a")
    project.run("git", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(outside), "part")
    assert "part/claim.json" in project.run("dvc", "metrics", "show")
    return "part/dvc.yaml: its stages were not run"


@pytest.mark.parametrize("plant", [unnamed, of_a_submodule], ids=lambda plant: plant.__name__)
def test_a_metric_that_no_stage_names_is_refused_before_anything_runs(project, tmp_path, plant):
    expected = plant(project, tmp_path / "part")
    commit(project)
    printed = verified(project)
    assert f"DIFFERENT  track: {expected}\n" in printed
    assert "rebuilding" not in printed


def test_a_model_with_a_word_of_its_own_in_dvc_yaml_is_compared_all_the_same(project):
    project.edit("dvc.yaml", "      - models/best.npz\n", "      - models/best.npz: {meta: {varies: it does}}\n")
    lock = (project.folder / "dvc.lock").read_text()
    entry = re.search(r"path: models/best.npz\n\s+hash: md5\n\s+md5: (\w+)", lock)
    (project.folder / "dvc.lock").write_text(lock.replace(entry[1], "0" * 32, 1))
    commit(project)
    assert "models/best.npz" in verified(project)


def test_a_link_out_of_the_clone_is_refused_and_nothing_is_written_there(project, tmp_path):
    outside = tmp_path / "outside"
    (project.folder / "metrics").rename(outside)
    (project.folder / "metrics").symlink_to(outside)
    content = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in outside.iterdir()}
    project.run("git", "rm", "-rq", "--cached", "metrics", expect=None)
    project.run("git", "add", "-f", "metrics")
    project.run("git", "commit", "-q", "-m", "a link")
    assert "a link that leads out of the repository" in verified(project)
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in outside.iterdir()} == content


@pytest.mark.parametrize("command", ["compare", "study", "prove", "verify", "summary"])
def test_a_row_under_another_key_is_damage_wherever_it_is_read(project, command):
    folder = ask(project, QUESTION.replace("seeds: 4", "seeds: 2"))
    conducted(project)
    table = folder / "trials.csv"
    *rows, last = table.read_text().splitlines()
    cells = last.split(",")
    cells[-1] = ("0" if cells[-1][0] != "0" else "1") + cells[-1][1:]
    cells[rows[0].split(",").index(MEASURE)] = "9.9"
    table.write_text("\n".join([*rows, ",".join(cells), ""]))
    commands = {
        "compare": ("compare", "studies/a"), "study": ("study", "studies/a.yaml"),
        "prove": ("study", "studies/a.yaml", "--prove", "9"), "verify": ("verify", "--study", "studies/a.yaml"),
    }  # fmt: skip
    if command == "summary":
        project.run("git", "add", "-A")
        project.run("git", "commit", "-q", "-m", "a study")
        project.run("git", "branch", "base")
        table.write_text(table.read_text().replace("9.9", "9.8"))
        project.run("git", "commit", "-q", "-a", "-m", "more")
        printed, _ = said(project, "summary", "--base", "base")
        assert ", but its params have the key " in printed
        return
    _, complaint = said(project, *commands[command], code=3)
    assert complaint.startswith(
        f"studies/a/trials.csv: line {len(rows) + 1}: trial is {cells[-1]}, but its params have the key "
    )


@pytest.mark.parametrize(
    ("passages", "why"), [(False, "studies/<wbr>a has 0.0"), (True, "studies/<wbr>a/<wbr>passages.csv: line ")]
)
def test_a_table_that_contradicts_a_commits_own_metric_is_not_believed(project, passages, why):
    own = json.loads((project.folder / "metrics/train.json").read_text())[MEASURE]
    folder = smaller_eta_than_base(project, QUESTION)
    head, *body = (folder / "trials.csv").read_text().splitlines()
    place = head.split(",").index(MEASURE)
    forged = []
    for row in body:
        cells = row.split(",")
        if cells[0] == "0.05":
            cells[place] = str(own / 10)
        forged.append(",".join(cells))
    (folder / "trials.csv").write_text("\n".join([head, *forged, ""]))
    if not passages:  # they contradict the edited measure, too
        (folder / "passages.csv").unlink()
    project.run("git", "commit", "-q", "-a", "-m", "a smaller eta")
    printed, _ = said(project, "summary", "--base", "base")
    assert f"<b>Better:</b> <b>not known</b>: <code>{why}" in printed
    assert ("One of the two is wrong." in printed) == (not passages)
    assert "better: eta=0.05" not in printed


def test_edited_numbers_of_rows_that_the_base_has_are_not_believed(project):
    """Keys and results stay: the numbers of other seeds than the commit's own make the base's setting better."""
    folder = smaller_eta_than_base(project, QUESTION)
    head, *rows = (cells.split(",") for cells in (folder / "trials.csv").read_text().splitlines())
    for cells in rows:
        if cells[0] == "0.05" and cells[1] != "1":
            cells[head.index(MEASURE)] = str(float(cells[head.index(MEASURE)]) + 1)
    (folder / "trials.csv").write_text("\n".join([*map(",".join, [head, *rows]), ""]))
    (folder / "passages.csv").unlink()
    project.run("git", "commit", "-q", "-a", "-m", "a smaller eta")
    printed, _ = said(project, "summary", "--base", "base")
    assert "<b>Better:</b> <b>not known</b>: <code>studies/<wbr>a has " in printed
    assert "and studies/<wbr>a of the other side " in printed


def test_two_tables_that_say_other_things_of_one_training_are_not_believed(project):
    project.run("git", "branch", "base")
    for name in "ab":
        folder = ask(project, QUESTION, name)
        conducted(project, name)
    head, own, row, *others = (folder / "trials.csv").read_text().splitlines()
    cells = row.split(",")  # of a seed that the commit itself has not
    cells[head.split(",").index(MEASURE)] = "1.25"
    (folder / "trials.csv").write_text("\n".join([head, own, ",".join(cells), *others, ""]))
    (folder / "passages.csv").unlink()
    project.run("git", "add", "-A")
    project.run("git", "commit", "-q", "-m", "two studies")
    printed, _ = said(project, "summary", "--base", "base")
    assert printed.count("<code>studies/<wbr>a has ") == printed.count("<code>studies/<wbr>b has ") == 1


PLANTED = "import pathlib\npathlib.Path('executed').write_text(__name__)\n"


@pytest.mark.parametrize("name", ["mlflow.py", "types.py", "dvc.py", "json.py", "random.py", "dvc/__main__.py"])
def test_code_of_a_folder_is_not_run_by_commands_that_only_read(project, name):
    path = project.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(PLANTED)
    environment = project.environment()
    for code, command in (
        (0, ["charloom", "track"]),
        (2, ["charloom", "compare"]),  # there is one run
        (0, ["charloom", "verify", "--quick"]),
        (0, ["charloom", "summary", "--base", "HEAD"]),
        (0, ["charloom", "sample", "--length", "9"]),
        (0, ["charloom", "score", "README.md"]),
    ):
        done = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, check=False)
        assert done.returncode == code, done.stderr
        assert not (project.folder / "executed").exists(), command


@pytest.mark.parametrize("name", ["types.py", "json.py", "dvc/__main__.py", "ruamel.py"])
def test_code_of_a_repository_is_not_run_by_its_summary(project, name):
    one_file = subprocess.run(
        [sys.executable, str(ROOT / "src/dvc_summary/one_file.py")], capture_output=True, check=True
    ).stdout
    (project.folder / "dvc_summary.py").write_bytes(one_file)
    path = project.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(PLANTED)
    subprocess.run(
        [sys.executable, "dvc_summary.py", "--base", "HEAD"], cwd=project.folder, env=os.environ | {}, check=True,
        capture_output=True,
    )  # fmt: skip
    assert not (project.folder / "executed").exists()
