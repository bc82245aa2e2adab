"""Any Unicode text goes through every stage, and comes out again. Other texts are in tests/all."""

import pytest
from projects import goes_through_the_stages

UNICODE = {
    "NUL, controls and line ends of all kinds": "a\0b\x1b[31mc\x07\x7f\x85d\r\u2028\u2029\v\f\x1c",
    "noncharacters and the last": "\uffff\ufffe\U0010ffff",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", UNICODE)
def test_any_unicode_text_goes_through_the_stages(project, name):
    goes_through_the_stages(project, UNICODE[name])
