"""The fast reading of YAML says what the slow one says, of every text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import ROOT
from ruamel.yaml.error import YAMLError

from charloom.base.yaml_text import parsed, parsed_fast

PARAMS = (ROOT / "params.yaml").read_text()
PIECES = [
    "a", "b", "a_b", "null", "true", "no", "1", "-1", "0.1", "1e-5", "1e5", ".5", ".nan", ".inf", "-.inf", "0x1F",
    "0o7", "012", "1_000", "~", "...", "---", "- ", "-", "2026-01-01", "data/x.txt", ":", ": ", ": ", ": ", "  ", "  ",
    " ", "\n", "\n", "\n", "\n  ", "#", " # x", "'", '"', "[", "{", "&a", "*a", "!!int", "%", "|", ">", "\t", "\r",
    "é", "\x00", ",",
]  # fmt: skip


def said(reader, text: str) -> str:
    """Return what a reader says, as a text: NaN equals NaN there, and 1 is not 1.0."""
    try:
        return repr(reader(text))
    except (YAMLError, ValueError, LookupError, TypeError) as error:
        return type(error).__name__


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_both_say_the_same_of_any_text(text):
    assert said(parsed_fast, text) == said(parsed, text)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "  ", "    "]), st.sampled_from(PIECES[:8]), st.sampled_from(["", *PIECES[:26]]),
            st.sampled_from(["", " # why", "  "]),
        )
    )
)  # fmt: skip
def test_both_say_the_same_of_lines_like_those_of_params(lines):
    text = "\n".join(f"{indent}{name}: {value}{comment}" for indent, name, value, comment in lines)
    assert said(parsed_fast, text) == said(parsed, text)


@pytest.mark.parametrize(
    "text",
    [
        "", "\n", "a:", "a:\n  b: 1\nc:", "a: 1\n  b: 1", "a:\n\n  b: 1\n # x\n  c: 2", "a: 1\na: 2",
        "a:\n  b: 1\n  b: 1", "null: 1", "true: 1", "a: 1 # \x00", "a:\n  b:\n  c: 1", "a:\n  b: 1\na:\n  c: 1", PARAMS,
    ],
)  # fmt: skip
def test_both_say_the_same_of_short_texts_and_of_our_own(text):
    assert said(parsed_fast, text) == said(parsed, text)


def test_our_own_params_are_read_the_fast_way(monkeypatch):
    seen = []
    monkeypatch.setattr("charloom.base.yaml_text.parsed", lambda text: seen.append(text) or {"a": 1})
    parsed_fast(PARAMS)
    assert PARAMS not in seen
