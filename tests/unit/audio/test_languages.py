"""The languages: Whisper's own list, and codes for names."""

import pytest

from shared.audio.languages import LANGUAGES, language_code


def test_the_codes_are_those_of_whisper() -> None:
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    assert set(LANGUAGES) == set(_LANGUAGE_CODES)


@pytest.mark.parametrize(
    ("heard", "code"),
    [
        ("english", "en"),
        ("en", "en"),
        ("German", "de"),
        ("haitian creole", "ht"),
        ("klingon", None),
        (" ", None),
        (None, None),
    ],
)
def test_names_become_codes(heard: str | None, code: str | None) -> None:
    assert language_code(heard) == code
