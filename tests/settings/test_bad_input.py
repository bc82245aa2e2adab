"""What a user gets wrong is one line that names it, exit 2, and nothing written or lost."""

import json
import subprocess
import sys

import pytest
from conftest import ROOT, until

from charloom.base.errors import WrongInput
from charloom.settings.params import read_params


def one_line(printed: str, words: list[str]) -> None:
    assert printed.count("\n") == 1, printed
    assert "Traceback" not in printed
    for word in words:
        assert word in printed


def test_every_wrong_parameter_and_text_gets_the_line_that_the_documentation_shows():
    done = subprocess.run([sys.executable, ROOT / "tests/bad_input.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (ROOT / "docs/bad_input.md").read_text()
    assert done.stdout.count("\n| ``") >= 60 + 20


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ["params.yaml: prepare.text", "No such file"]),
        (b"", ["the text is empty"]),
        (b"too short", ["9 characters", "at least 11"]),
        (b"a text whose byte 22 is \xfe", ["byte 0xfe at offset 24"]),
    ],
)
def test_a_wrong_text_is_named_and_nothing_lost(project, content, words):
    text = project.folder / "data/fox.txt"
    text.unlink()
    if content is not None:
        text.write_bytes(content)
    before = project.contents()
    for arguments in (["--check"], []):
        one_line(project.run("python", "src/prepare.py", *arguments, expect=2), ["data/fox.txt", *words])
    assert project.contents() == before


@pytest.mark.parametrize(("old", "new"), [("eta: 0.1", "eta: -1"), ("temperature: 1.0", "temprature: 1.0")])
def test_plain_dvc_repro_meets_the_door_too_and_loses_nothing(project, old, new):
    project.edit("params.yaml", old, new)
    before = project.contents()
    printed = project.run("dvc", "repro", expect=255)
    assert project.stages(printed) == ["prepare"]
    assert f"params.yaml: {'eta: -1' if 'eta' in new else 'sample.temp'}" in printed
    assert project.contents() == before
    project.edit("params.yaml", new, old)
    project.run("dvc", "repro")
    project.run("git", "diff", "HEAD", "--exit-code")


@pytest.mark.parametrize("written", ["1e-5", "1e-05", "0.00001", "1E-5"])
def test_small_numbers_may_be_written_in_every_usual_way(finished, tmp_path, written):
    path = tmp_path / "params.yaml"
    path.write_text((finished.folder / "params.yaml").read_text().replace("sigma: 0.01", f"sigma: {written}"))
    assert read_params(path).sigma == 1e-5


def test_the_sections_name_their_file(tmp_path):
    with pytest.raises(WrongInput, match=r"params\.yaml: No such file"):
        read_params(tmp_path / "params.yaml")


def test_a_damaged_result_is_named_and_exits_3(project):
    path = project.folder / "metrics/gradcheck.json"
    path.write_text(path.read_text()[:-20])
    one_line(project.run("python", "src/train.py", expect=3), ["metrics/gradcheck.json: Invalid JSON"])


def test_training_that_diverges_exits_4_with_the_update_and_keeps_the_last_finite_state(project):
    project.edit("params.yaml", "eta: 0.1", "eta: 1e308")
    for resumed in ("", "resumed at update 1\n"):
        printed = project.run("python", "src/train.py", expect=4)
        assert printed == f"{resumed}training diverged at update 1: the loss is nan; a smaller eta may help\n"
        assert len(list(project.folder.glob(".charloom/train/*/000000000001.state"))) == 1
    made = project.folder / "mlflow.db"
    until(lambda: made.exists() and [run.info.status for run in project.runs()] == ["FAILED"], every=0.5)
    for file in project.folder.glob("metrics/*.json"):
        json.loads(file.read_text(), parse_constant=pytest.fail)


def test_a_text_too_short_for_a_sequence_is_refused_by_every_stage_that_reads_it(project):
    project.edit("params.yaml", "seq_length: 10", "seq_length: 5000")
    before = project.contents()
    for stage in ("prepare", "gradcheck", "train"):
        words = ["characters for training", "seq_length = 5000 needs at least 5001"]
        one_line(project.run("python", f"src/{stage}.py", expect=2), words)
    assert project.contents() == before


def test_an_overlong_training_is_refused_before_it_needs_the_memory(project):
    project.edit("params.yaml", "m: 8", "m: 300000")
    before = project.contents()
    for stage in ("prepare", "train"):
        one_line(project.run("python", f"src/{stage}.py", expect=5), ["not enough memory", "m = 300000", "GB"])
    assert project.contents() == before


def test_a_training_that_the_disk_has_no_room_for_is_refused_before_it_starts(project):
    project.edit("params.yaml", "updates: 400", "updates: 1000000000000")
    project.edit("params.yaml", "checkpoint_every: 200", "checkpoint_every: 1")
    before = project.contents()
    one_line(project.run("python", "src/train.py", expect=5), ["models: about", "GB are needed", "free"])
    assert project.contents() == before
