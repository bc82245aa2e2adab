"""A text becomes ids and back; what counting can predict is counted right."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charloom import corpus
from charloom.errors import Damaged, WrongInput
from charloom.vocabulary import Vocabulary, read_vocabulary, write_vocabulary

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


def written(folder, content):
    path = folder / "text.txt"
    path.write_bytes(content)
    return path


@given(texts)
def test_ids_are_places_in_the_sorted_vocabulary_and_come_back_as_the_text(text):
    vocabulary = Vocabulary.of(text)
    ids = vocabulary.encode(text)
    assert vocabulary.decode(ids) == text
    assert list(vocabulary.characters) == sorted(set(text))
    assert ids.max() == len(vocabulary) - 1


@pytest.mark.parametrize(("K", "dtype"), [(1, "u1"), (256, "u1"), (257, "u2"), (65_536, "u2"), (65_537, "u4")])
def test_ids_have_the_smallest_unsigned_type(K, dtype):
    text = "".join(chr(i) for i in range(0x10000, 0x10000 + K))
    assert Vocabulary.of(text).encode(text).dtype == np.dtype(dtype)


def test_unknown_characters_are_named():
    with pytest.raises(WrongInput, match=r"'z', '\\xe9'$"):
        Vocabulary.of("abc").encode("abézba")


def test_the_vocabulary_file_reads_back_and_another_order_is_refused(tmp_path):
    path = tmp_path / "vocabulary.json"
    write_vocabulary(path, Vocabulary.of("to be —\n\0"))
    assert read_vocabulary(path) == Vocabulary.of("to be —\n\0")
    path.write_text('["b", "a"]')
    with pytest.raises(Damaged, match=r"vocabulary\.json.*sorted"):
        read_vocabulary(path)


def test_a_byte_order_mark_goes_crlf_becomes_lf_and_nothing_else_changes(tmp_path):
    content = b"\xef\xbb\xbfa\r\nb\rc\n\r\n\xef\xbb\xbf "
    assert corpus.read_text(written(tmp_path, content)) == "a\nb\rc\n\n\ufeff "


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "the text is empty"),
        (b"\xef\xbb\xbf", "the text is empty"),
        (b"abc\xffd", "byte 0xff at offset 3 is not UTF-8"),
        (b"ab\xed\xa0\x80", "byte 0xed at offset 2 is not UTF-8"),
    ],
)
def test_bad_bytes_are_refused_with_their_offset(tmp_path, content, line):
    with pytest.raises(WrongInput, match=line):
        corpus.read_text(written(tmp_path, content))


def test_the_end_is_held_out():
    training, held_out = corpus.split(np.arange(100), 0.05)
    assert (len(training), held_out[0]) == (95, 95)
    assert len(corpus.split(np.arange(100), 0.0)[1]) == 0


@given(texts, st.integers(1, 3))
def test_conditional_entropy_is_what_counting_by_hand_gives(text, n):
    vocabulary = Vocabulary.of(text)
    grams = [text[i : i + n] for i in range(len(text) - n + 1)]
    pairs, contexts = Counter(grams), Counter(gram[:-1] for gram in grams)
    expected = -sum(math.log(pairs[gram] / contexts[gram[:-1]]) for gram in grams) / max(len(grams), 1)
    entropy = corpus.conditional_entropy(vocabulary.encode(text), len(vocabulary), n)
    assert entropy == pytest.approx(expected, abs=1e-12)


def test_ids_read_back_mapped_into_memory_and_foreign_ones_are_refused(tmp_path):
    path = tmp_path / "ids.npy"
    corpus.write_ids(path, np.array([3, 1, 2], np.uint8))
    ids = corpus.read_ids(path, 4)
    assert isinstance(ids, np.memmap)
    assert ids.tolist() == [3, 1, 2]
    with pytest.raises(Damaged, match="ids below 3"):
        corpus.read_ids(path, 3)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(Damaged, match=r"ids\.npy"):
        corpus.read_ids(path, 4)
    corpus.write_ids(path, np.array([], np.uint8))
    assert len(corpus.read_ids(path, 4)) == 0
