"""Any Unicode text goes through every stage, and comes out again: those that tests/pipeline leaves out."""

import pytest
from projects import goes_through_the_stages

UNICODE = {
    "NUL and controls": "a\0b\x1b[31mc\x07\x7f\x85d\r",
    "combining marks": "e\u0301\u0327o\u0308\u0323\u200d",
    "emoji sequences": "👩‍👩‍👧‍👦🏳️‍🌈👍🏽",
    "right to left": "\u202eabc\u202c שלום \u2067x\u2069",
    "one character": "a",
    "line ends of all kinds": "\u2028\u2029\v\f\x1c",
}


@pytest.mark.parametrize("name", UNICODE)
def test_any_unicode_text_goes_through_the_stages(project, name):
    goes_through_the_stages(project, UNICODE[name])
