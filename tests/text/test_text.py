"""A text becomes ids and back; what counting can predict is counted right."""

import io
import math
import os
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charloom.core.base.array_file import pack
from charloom.core.base.errors import CheckFailed, Damaged, WrongInput
from charloom.core.base.storage import sha256
from charloom.core.text import corpus, ngrams
from charloom.core.text.vocabulary import Vocabulary

byte = st.sampled_from([b"\r", b"\n", b"a", "é".encode(), "—".encode(), "😀".encode(), b"\xef\xbb\xbf"])
some_bytes = st.lists(byte | st.binary(max_size=1), max_size=12).map(b"".join)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


def written(folder, content):
    path = folder / "text.txt"
    path.write_bytes(content)
    return path


@given(texts)
def test_ids_are_places_in_the_sorted_vocabulary_and_come_back_as_the_text(text):
    vocabulary = Vocabulary("".join(sorted(set(text))))
    ids = vocabulary.encode(text)
    assert vocabulary.decode(ids) == text
    assert list(vocabulary.characters) == sorted(set(text))
    assert ids.max() == len(vocabulary) - 1


def at_once(content):
    """Return the text of the bytes, or what is wrong with them."""
    try:
        text = content.decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        return f"it: byte {content[error.start]:#04x} at offset {error.start} is not UTF-8; save it as UTF-8"
    return text or "it: the text is empty"


@given(some_bytes, st.integers(1, 5))
@example(b"a\r\nb", 2)  # a line end on the border of two pieces
@example(b"\xef\xbb\xbfa\r\nb\rc\n\r\n\xef\xbb\xbf ", 2)
@example(b"\xef\xbb\xbf", 1)  # empty
@example(b"ab\xed\xa0\x80", 2)  # a surrogate
def test_a_text_in_pieces_is_the_text_at_once_and_so_is_what_is_wrong_with_it(content, size):
    try:
        got = "".join(corpus.decoded(io.BytesIO(content), "it", piece=size))
    except WrongInput as error:
        got = str(error)
    assert got == at_once(content)


def test_the_end_is_held_out():
    assert corpus.split(100, 0.05) == (95, 5)
    assert corpus.split(19, 0.05) == (19, 0)
    assert corpus.split(100, 0.0) == (100, 0)


@given(texts, st.sampled_from([0, ngrams.DENSE]), st.integers(1, 5))
def test_entropies_are_what_counting_by_hand_gives(text, dense, part):
    vocabulary = Vocabulary("".join(sorted(set(text))))
    levels = ngrams.entropies(vocabulary.encode(text), len(text), len(vocabulary), dense, part)
    expected = [math.log(len(vocabulary))]
    for n in (1, 2, 3):
        grams = [text[i : i + n] for i in range(len(text) - n + 1)]
        pairs, contexts = Counter(grams), Counter(gram[:-1] for gram in grams)
        expected.append(-sum(math.log(pairs[gram] / contexts[gram[:-1]]) for gram in grams) / max(len(grams), 1))
    assert levels == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("K", "counted"), [(203, ngrams.SPARSE_LIMIT + 50), (204, ngrams.SPARSE_LIMIT)])
def test_a_text_with_many_distinct_characters_is_counted_in_part(K, counted):
    ids = np.resize(np.arange(K, dtype=np.uint8), ngrams.SPARSE_LIMIT + 50)
    text = corpus.Text(Vocabulary("".join(map(chr, range(0x100, 0x100 + K)))), ids, ids[:0])
    metrics = ngrams.text_metrics(text, "", "", 7)
    shares = np.bincount(ids[:counted]) / counted
    assert metrics.characters_counted == counted
    assert metrics.bits_per_character.unigram == pytest.approx(-(shares * np.log2(shares)).sum(), abs=1e-6)


def prepared(folder, text, held_out=0.0):
    """Return the text, written by `prepare`'s functions and read again."""
    found = corpus.survey(written(folder, text.encode()))
    corpus.write_text(folder / "text.npz", found, corpus.split(found.characters, held_out))
    return corpus.read_prepared(folder / "text.npz")


@pytest.mark.parametrize("K", [2, 300, 70_000])
@pytest.mark.parametrize("held_out", [0.0, 0.2])
def test_a_prepared_text_reads_back_and_is_what_numpy_saves(tmp_path, K, held_out):
    characters = "".join(chr(i) for i in range(0x10000, 0x10000 + K))
    text = (characters * 8)[: K + 7]
    ids, end = Vocabulary(characters).encode(text), K + 7 - int(held_out * (K + 7))
    back = prepared(tmp_path, text, held_out)
    assert back.vocabulary == Vocabulary(characters)
    assert (len(back.training), len(back.held_out)) == (end, len(ids) - end)
    assert np.array_equal(back.training[:], ids[:end])
    assert np.array_equal(back.held_out[:], ids[end:])
    with np.load(tmp_path / "text.npz") as archive:
        assert [*archive] == ["vocabulary", "training", "held_out"]
        content = pack(dict(archive))
    assert (tmp_path / "text.npz").read_bytes() == content


def saved(folder, *parts, points=(97, 98, 99)):
    path = folder / "text.npz"
    with path.open("wb") as file:
        corpus.save_text(file, np.array(points, np.uint32), parts, (sum(map(len, parts)), 0))
    return path


@given(st.lists(st.integers(0, 600_000), max_size=6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_ids_come_in_any_parts_and_are_read_in_any_parts(lengths, start, stop):
    ids = np.arange(sum(lengths)).astype(np.uint16) % 300
    parts = np.split(ids, np.cumsum(lengths)[:-1]) if lengths else []
    with tempfile.TemporaryDirectory() as folder:
        path = saved(Path(folder), *parts, points=range(0x10000, 0x10000 + 300))
        assert np.array_equal(corpus.read_prepared(path).training[start:stop], ids[start:stop])


def test_the_survey_counts_characters_that_occur_once_and_hashes_the_file(tmp_path):
    found = corpus.survey(written(tmp_path, "\ufeffab\r\nb—".encode()))
    assert (found.once, found.characters) == ("\na—", 5)
    assert found.sha256 == sha256(tmp_path / "text.txt")


@pytest.mark.parametrize("content", [b"abc", b"abcdef" * 3, b"abcdeg", b"abcde\xff"])
def test_a_text_that_changes_while_it_is_read_is_a_line_and_nothing_is_written(tmp_path, content):
    found = corpus.survey(written(tmp_path, b"abcdef"))
    os.utime(written(tmp_path, content), ns=(0, 0))
    with pytest.raises((CheckFailed, WrongInput), match=r"text\.txt: (edited while prepare read it|byte 0xff)"):
        corpus.write_text(tmp_path / "text.npz", found, (6, 0))
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]


def test_a_prepared_text_with_foreign_ids_or_another_order_is_refused(tmp_path):
    path = saved(tmp_path, np.array([3, 1, 2], np.uint8))
    with pytest.raises(Damaged, match=r"text\.npz: training has numbers that are not below 3"):
        corpus.read_prepared(path)
    path = saved(tmp_path, np.array([1, 2]), points=(99, 98, 97))
    with pytest.raises(Damaged, match=r"text\.npz: the vocabulary is empty, or its characters are not sorted"):
        corpus.read_prepared(path)


def test_a_prepared_text_with_a_changed_id_is_refused_unread(tmp_path):
    ids = np.random.default_rng(1).integers(0, 3, 4 * corpus.WRITTEN).astype(np.uint8)
    path = saved(tmp_path, ids)
    content = bytearray(path.read_bytes())
    content[content.index(ids[:100].tobytes()) + corpus.WRITTEN + 9] ^= 1
    path.write_bytes(content)
    with pytest.raises(Damaged, match=r"text\.npz: training\.npy is damaged: it does not match its checksum; `dvc"):
        corpus.read_prepared(path)
