"""What is said of a sample is true of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charloom.sampling.quality import quality_against

letters = st.text("ab c", max_size=25)


@given(letters, letters)
def test_the_longest_copy_is_the_longest_passage_in_both(sample, text):
    passages = [sample[i:j] for i in range(len(sample)) for j in range(i + 1, len(sample) + 1)]
    assert quality_against(text)(sample).longest_copy == max(
        (len(each) for each in passages if each in text), default=0
    )


@pytest.mark.parametrize(
    ("sample", "share"),
    [
        (" the whale sung. ", 2 / 3),
        ("The the tHe the", 1 / 2),  # case counts; the first and the last may be cut off
        ("the whale", None),
        (" ’tis whale-boats, 7 sails7 ", 3 / 4),
        ("…", None),
        ("", None),
    ],
)
def test_a_word_is_a_run_of_letters_and_known_if_it_is_one_in_the_text(sample, share):
    assert quality_against("the whale — boats, it’s tis’s a whaleman")(sample).known_words == (
        pytest.approx(share) if share else share
    )
