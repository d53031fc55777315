"""The measure that transcripts are judged by."""

import pytest

from tests.support.word_errors import word_error_rate, word_errors


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
