"""Any Unicode text goes through every stage, and comes out again."""

import json

import pytest
from projects import STAGES, said

UNICODE = {
    "NUL, controls and line ends of all kinds": "a\0b\x1b[31mc\x07\x7f\x85d\r\u2028\u2029\v\f\x1c",
    "combining marks, emoji sequences, right to left and noncharacters": (
        "e\u0301\u0327o\u0308\u0323\u200d👩‍👩‍👧‍👦🏳️‍🌈👍🏽\u202eabc\u202c שלום \u2067x\u2069\uffff\ufffe\U0010ffff"
    ),
    "one character": "a",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", UNICODE)
def test_any_unicode_text_goes_through_the_stages(project, name):
    text = UNICODE[name]
    (project.folder / "data/fox.txt").write_text(text * (1 + 400 // len(text)), newline="")
    project.edit("params.yaml", "updates: 400", "updates: 40")
    project.edit("params.yaml", "entries: 10000", "entries: 10")
    project.clear()
    for stage in STAGES:
        project.stage(stage)
    characters = set(text)
    assert json.loads((project.folder / "metrics/prepare.json").read_text())["K"] == len(characters)
    table = json.loads((project.folder / "reports/sample_table.json").read_text())
    assert set("".join(row[1] for row in table["data"])) <= characters
    printed, _ = said(project, "sample", "--length", "300")
    assert set(printed) <= characters | {"\n"}
