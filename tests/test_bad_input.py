"""What a user gets wrong is one line that names it, exit 2, and nothing written or lost."""

import json

import pytest

from charloom.errors import WrongInput
from charloom.params import read_params

KEYS = [
    # old, new, the line has these words
    ("eta: 0.1 ", 'eta: "fast" ', ["eta", "'fast'", "without quotes"]),
    ("eta: 0.1 ", "eta: -0.1 ", ["eta", "-0.1", "greater than 0"]),
    ("eta: 0.1 ", "eta: 0 ", ["eta", "0", "greater than 0"]),
    ("eta: 0.1 ", "eta: .nan ", ["eta", "nan", "finite"]),
    ("eta: 0.1 ", "eta: .inf ", ["eta", "inf", "finite"]),
    ("eta: 0.1 ", "eta: yes ", ["eta", "'yes'", "not a number"]),
    ("eta: 0.1 ", "eta: true ", ["eta", "True"]),
    ("eta: 0.1 ", "eta: ", ["eta", "None"]),
    ("eta: 0.1 ", "eta: [0.1, 0.2] ", ["eta", "[0.1, 0.2]"]),
    ("eta: 0.1 ", "etta: 0.1 ", ["etta", "unknown key", "did you mean eta?"]),
    ("eta: 0.1 ", "eta: 0.1\neta: 0.2 ", ["eta", "duplicate"]),
    ("eta: 0.1 ", "eta: 0.1: 3 ", ["not YAML"]),
    ("m: 8 ", "m: 0 ", ["m:", "0", "greater than or equal to 1"]),
    ("m: 8 ", "m: 8.5 ", ["m:", "8.5", "integer"]),
    ("m: 8 ", "m: 8.0 ", ["m:", "8.0", "integer"]),
    ("m: 8 ", "m: -8 ", ["m:", "-8"]),
    ("seed: 1 ", "seed: -1 ", ["seed", "-1"]),
    ("seed: 1 ", "seed: 18446744073709551616 ", ["seed", "less than"]),
    ("held_out: 0.05", "held_out: 1.0", ["prepare.held_out", "1.0", "less than 1"]),
    ("held_out: 0.05", "held-out: 0.05", ["prepare.held", "held_out"]),
    ("clip: 5.0", "clip: 0", ["train.clip", "0"]),
    ("dtype: float64", "dtype: float16", ["train.dtype", "float16", "float64"]),
    ("temperature: 1.0", "temperature: 0.0", ["sample.temperature", "0.0"]),
    ("sample:\n", "sampel:\n", ["sampel", "did you mean sample?"]),
    ("gradcheck:\n  tolerance: 1e-10 ", "gradcheck: 3 ", ["not YAML"]),
    ("seq_length: 10", "seq_length: 5000", ["seq_length = 5000", "5001"]),
]


def one_line(printed: str, words: list[str]) -> None:
    assert printed.count("\n") == 1, printed
    assert "Traceback" not in printed
    for word in words:
        assert word in printed


@pytest.mark.parametrize(("old", "new", "words"), KEYS)
def test_a_wrong_parameter_is_named_before_anything_is_touched(finished, tmp_path, old, new, words):
    content = (finished.folder / "params.yaml").read_text()
    assert old in content
    (tmp_path / "params.yaml").write_text(content.replace(old, new))
    (tmp_path / "data").symlink_to(finished.folder / "data")
    one_line(finished.run("python", str(finished.folder / "src/prepare.py"), "--check", expect=2, cwd=tmp_path), words)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "params.yaml"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ["No such file", "prepare.text"]),
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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--temperature", "0"], "'0' is not allowed: a number above 0"),
        (["--length", "-5"], "'-5' is not allowed: a whole number from 0"),
        (["--prime", "Ünseen"], "not in the vocabulary of this model: '\\xdc'"),
        (["--model", "params.yaml"], "not a model"),
        (["--model", "nowhere.npz"], "nowhere.npz: No such file"),
    ],
)
def test_the_command_refuses_in_a_line(finished, arguments, words):
    printed = finished.run("charloom", "sample", *arguments, expect=None)
    assert words in printed
    assert "Traceback" not in printed


def test_a_damaged_result_is_named_and_exits_3(project):
    path = project.folder / "metrics/gradcheck.json"
    path.write_text(path.read_text()[:-20])
    one_line(project.run("python", "src/train.py", expect=3), ["metrics/gradcheck.json", "not readable"])


def test_training_that_diverges_exits_4_with_the_update(project):
    project.edit("params.yaml", "eta: 0.1", "eta: 1e308")
    printed = project.run("python", "src/train.py", expect=4)
    assert "the loss of update 1 is" in printed
    assert "Traceback" not in printed
    for file in project.folder.glob("metrics/*.json"):
        json.loads(file.read_text())
