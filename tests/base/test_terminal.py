"""Whatever a text holds, a terminal shows it and does nothing else."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charloom.base.terminal import visible


@given(st.text(st.characters()))
def test_nothing_acts_and_what_is_harmless_stays(text):
    shown = visible(text)
    assert not {unicodedata.category(c) for c in shown.replace("\n", "").replace("\t", "")} & {"Cc", "Cs", "Zl", "Zp"}
    assert visible(shown) == shown
    assert visible(text + "é—😀") == shown + "é—😀"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\x1b[31m", "a\\x1b[31m"), ("\u202eabc", "\\u202eabc"), ("\ud800", "\\ud800"), ("a\n\tb\r", "a\n\tb\\r")],
)
def test_an_escape_says_which_character_it_was(text, shown):
    assert visible(text) == shown
