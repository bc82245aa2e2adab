"""What is said of samples is true of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charloom.core.text.corpus import Text
from charloom.core.text.vocabulary import Vocabulary
from charloom.sampling import quality

few_letters = st.text("ab c", max_size=25)
SAID = "the whale — boats, it’s tis’s a whaleman"


def found(samples: list[str], text: str, piece: int = 9) -> list[tuple[quality.SampleQuality, quality.SampleMarks]]:
    vocabulary = Vocabulary("".join(sorted(set("".join([text, *samples, " "])))))
    return quality.qualities(samples, Text(vocabulary, vocabulary.encode(text), np.empty(0, np.uint8)), piece)


@given(st.lists(few_letters, min_size=1, max_size=4), few_letters, st.integers(1, 30))
def test_marks_are_the_first_longest_copy_and_each_unknown_word(samples, text, piece):
    """However many are measured at once."""
    for sample, (each, marks) in zip(samples, found(samples, text, piece), strict=True):
        passages = [sample[i:j] for i in range(len(sample)) for j in range(i + 1, len(sample) + 1)]
        assert each.longest_copy == max((len(passage) for passage in passages if passage in text), default=0)
        start, end = marks.copied
        assert end - start == each.longest_copy
        assert sample[start:end] in text
        assert start == min(i for i in range(len(sample) + 1) if sample[i : i + each.longest_copy] in text)
        inner = [(word.start(), word.end()) for word in quality.WORD.finditer(f".{sample}.")]
        whole = [(i - 1, j - 1) for i, j in inner if i > 1 and j <= len(sample)]
        assert marks.unknown == [(i, j) for i, j in whole if sample[i:j] not in text.split()]


@pytest.mark.parametrize(("sample", "share"), [
    (" the whale sung. ", 2 / 3),
    ("The the tHe the", 1 / 2),  # case counts; the first and the last may be cut off
    ("the whale", None),
    (" ’tis whale-boats, 7 sails7 ", 3 / 4),
    (" man whalema whaleman ", 1 / 3),  # a part of a word is none
    (" oats ", 0.0),  # … though the rest of it stands in no sample
    ("…", None),
    ("", None),
])  # fmt: skip
def test_a_word_is_a_run_of_letters_alone(sample, share):
    expected = [pytest.approx(share) if share else share, 1.0]
    assert [each.known_words for each, _ in found([sample, " the "], SAID)] == expected


def test_a_text_without_spaces_has_no_words():
    sample = "、吾輩は猫、吾輩、"
    ((quality_, marks),) = found([sample], "吾輩は猫である。名前はまだ無い。" * 4)
    assert (quality_.known_words, marks.unknown, quality_.longest_copy) == (None, [], 4)
    assert str(quality_) == "the longest passage copied from the text has 4 characters"
    assert found([sample], "吾輩 は 猫 で ある。" * 4)[0][0].known_words == 1 / 2
