"""A text becomes ids and back; what counting can predict is counted right."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charloom.base.array_file import pack
from charloom.base.errors import Damaged, WrongInput
from charloom.text import corpus, ngrams
from charloom.text.vocabulary import Vocabulary

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


def test_a_text_is_parted_into_what_has_an_id_and_what_has_none():
    known, inside, outside = Vocabulary("abc").part("abézb\ud800a")
    assert known.tolist() == [True, True, False, False, True, False, True]
    assert (inside, outside) == ("abba", "éz\ud800")


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
    entropy = ngrams.conditional_entropy(vocabulary.encode(text), len(vocabulary), n)
    assert entropy == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("K", [1, 2, 300, 70_000])
@pytest.mark.parametrize("held_out", [0, 5])
def test_a_prepared_text_reads_back(tmp_path, K, held_out):
    vocabulary = Vocabulary("".join(chr(i) for i in range(0x10000, 0x10000 + K)))
    ids = vocabulary.encode((vocabulary.characters * 7)[: K + 7])
    corpus.write_text(tmp_path / "text.npz", corpus.Text(vocabulary, ids, ids[:held_out]))
    back = corpus.read_prepared(tmp_path / "text.npz")
    assert back.vocabulary == vocabulary
    assert np.array_equal(back.training, ids)
    assert np.array_equal(back.held_out, ids[:held_out])


def test_a_prepared_text_with_foreign_ids_or_another_order_is_refused(tmp_path):
    path = tmp_path / "text.npz"
    vocabulary, ids = np.array([97, 98, 99], np.uint32), np.array([3, 1, 2], np.uint8)
    path.write_bytes(pack({"vocabulary": vocabulary, "training": ids, "held_out": ids[:0]}))
    with pytest.raises(Damaged, match=r"text\.npz: training does not hold ids below 3"):
        corpus.read_prepared(path)
    path.write_bytes(pack({"vocabulary": vocabulary[::-1], "training": ids % 3, "held_out": ids[:0]}))
    with pytest.raises(Damaged, match=r"text\.npz: the vocabulary is empty, or not sorted"):
        corpus.read_prepared(path)
