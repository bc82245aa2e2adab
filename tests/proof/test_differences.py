"""What differs between two contents, in words: the first place, both values, how many more."""

import pytest

from dvc_proof.differences import describe_difference


@pytest.mark.parametrize(("name", "committed", "rebuilt", "expected"), [
    ("a.json", '{"x": 1, "y": 0.1}', '{"x": 1, "y": 0.2}', "y: committed 0.1, rebuilt 0.2"),
    ("a.json", '{"x": {"y": [1, 2]}}', '{"x": {"y": [1, 3]}}', "x.y.1: committed 2, rebuilt 3"),
    ("a.json", '{"x": 1, "y": 2}', '{"x": 2}', "x: committed 1, rebuilt 2; and 1 more value"),
    ("a.json", '{"y": null}', "{}", "y: committed null, rebuilt nothing"),
    ("a.json", '{"y": 1}', '{"y":  1}', "the same values in another notation"),
    ("a.json", "[1]", "{", "0: committed 1, rebuilt nothing; and 1 more value"),
    ("a.csv", "u,loss\n0,2.5\n9,2.25\n", "u,loss\n0,2.5\n9,2\n", "line 3 (u 9): loss: committed 2.25, rebuilt 2"),
    ("a.csv", "u,a\n0,1\n1,\n", "u,a\n0,1\n", "line 3 (u 1): u: committed 1, rebuilt nothing; and 1 more value"),
    ("a.csv", "u,a\n0,1\n", "u,b\n0,1\n", "line 1: committed 'u,a', rebuilt 'u,b'; and 2 more values"),
    ("a.csv", "u,a\n0,1\n", "u,a\n0,\n", "line 2 (u 0): a: committed 1, rebuilt null"),
    ("a.csv", "u,a\n0,1\n", "u,a\n0,x\n", "line 2 (u 0): u: committed 0, rebuilt nothing; and 2 more values"),
    ("a.csv", "u,a\n0,1\n", "u,a\r\n0,1\r\n", "only the line ends differ"),
    ("a.html", "<p>\na quick fox", "<p>\na quack fox", "line 2: committed 'a quick fox', rebuilt 'a quack fox'"),
    ("a.html", "x\x1b[1m", "x\x1b[2m", "line 1: committed 'x\\x1b[1m', rebuilt 'x\\x1b[2m'"),
    ("a", b"\xff\x00\x01", b"\xff\x00\x02", "line 1: committed '\\udcff\\x00\\x01', rebuilt '\\udcff\\x00\\x02'"),
    ("a.json", "1", "1", ""),
])  # fmt: skip
def test_the_first_difference_is_said_with_both_values(name, committed, rebuilt, expected):
    one, other = (content.encode() if isinstance(content, str) else content for content in (committed, rebuilt))
    assert describe_difference({name: one}, {name: other}) == expected


def test_a_difference_between_folders_names_the_first_file():
    one = {"000.json": b"1", "100.json": b"2", "200.json": b"3"}
    other = one | {"100.json": b"4", "200.json": b"5"}
    assert describe_difference(one, other) == "100.json: the file: committed 2, rebuilt 4; and 1 more value"
    assert describe_difference(one, {"000.json": b"1", "100.json": b"2"}) == (
        "200.json: the file: committed 3, rebuilt nothing"
    )
    assert describe_difference({"000.json": b"1"}, one) == (
        "100.json: the file: committed nothing, rebuilt 2; and 1 more value"
    )
