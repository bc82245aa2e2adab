"""Any Unicode text goes through every stage, and comes out again."""

import pytest
from projects import goes_through_the_stages

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
    goes_through_the_stages(project, UNICODE[name])
