"""Whatever a text holds, a terminal shows it and does nothing else."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from charloom.core.base.terminal import visible


@given(st.text(st.characters()))
def test_nothing_acts_and_what_is_harmless_stays(text):
    shown = visible(text)
    assert not {unicodedata.category(c) for c in shown.replace("\n", "").replace("\t", "")} & {"Cc", "Cs", "Zl", "Zp"}
    assert visible(shown) == shown
    assert visible(text + "é—😀") == shown + "é—😀"


def test_an_escape_says_which_character_it_was():
    texts = "a\x1b[31m", "\u202eabc", "\ud800", "a\n\tb\r"
    assert [visible(text) for text in texts] == ["a\\x1b[31m", "\\u202eabc", "\\ud800", "a\n\tb\\r"]
