"""The measure that transcripts are judged by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.word_errors import errors_by_word, word_error_rate, word_errors


@pytest.mark.parametrize(
    ("truth", "heard", "errors"),
    [
        ("Ask not, what your country", "ask not what your COUNTRY", 0),
        ("don\u2019t stop", "don't stop", 0),
        ("one two three", "one three", 1),
        ("one two three", "one two two three", 1),
        ("one two three", "one too three", 1),
        ("one two three", "three two one", 2),
        ("", "thank you", 2),
        ("thank you", "", 2),
    ],
)
def test_errors(truth: str, heard: str, errors: int) -> None:
    assert word_errors(truth, heard) == errors


def test_rate() -> None:
    assert word_error_rate("a b c d", "a b c") == 0.25
    assert word_error_rate("", "") == 0


def test_where_the_errors_are() -> None:
    assert errors_by_word("one two three four", "one too three three") == [0, 1, 0, 1]
    assert errors_by_word("one two three", "one two and three") == [0, 1, 0]
    assert errors_by_word("one two three", "three") == [1, 1, 0]


@given(st.lists(st.sampled_from("abc"), min_size=1), st.lists(st.sampled_from("abc")))
def test_they_are_as_many(said: list[str], written: list[str]) -> None:
    truth, heard = " ".join(said), " ".join(written)
    assert sum(errors_by_word(truth, heard)) == word_errors(truth, heard)
