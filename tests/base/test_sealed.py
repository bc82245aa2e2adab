"""A line that was changed is no line."""

import pytest

from charloom.base.storage import sealed, unsealed

CONTENT = {"a": [1, 0.5, "ä\t"], "b": None}
LINE = sealed(CONTENT).encode()[:-1]


def test_a_line_says_what_was_written_and_so_does_one_without_a_digest():
    assert unsealed(LINE) == unsealed(LINE.partition(b"\t")[0]) == CONTENT


def test_each_changed_bit_is_found():
    for place in range(len(LINE)):
        for bit in range(8):
            with pytest.raises(ValueError, match=r"."):
                unsealed(LINE[:place] + bytes([LINE[place] ^ 1 << bit]) + LINE[place + 1 :])
