"""The form of audio jobs: errors name the field."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidMessageError
from shared.jobs.audio_request import AudioRequest


def test_the_least_and_the_most() -> None:
    assert AudioRequest.decode(b'{"audio": "audio-in/a.mp3"}') == AudioRequest(audio="audio-in/a.mp3")
    body = {
        "audio_id": "call-7",
        "audio": "audio-in/a.mp3",
        "language": "de",
        "prompt": "Sluice, Azurite",
        "analyse": "summary",
        "timestamps": True,
        "metadata": {"order": 7},
    }
    assert AudioRequest.decode(json.dumps(body).encode()).model_dump() == body


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"audio": None}, "audio"),
        ({"audio": ""}, "audio"),
        ({"audio": "a" * 5000}, "audio"),
        ({"audio": ["audio-in/a.mp3"]}, "audio"),
        ({"language": "english"}, "language"),
        ({"language": "xx"}, "language"),
        ({"language": "EN"}, "language"),
        ({"prompt": "x" * 1001}, "prompt"),
        ({"analyse": "everything"}, "analyse"),
        ({"timestamps": "yes"}, "timestamps"),
        ({"audio_id": ""}, "audio_id"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_errors_name_the_field(change: dict[str, Any], field: str) -> None:
    body = {"audio": "audio-in/a.mp3", **change}
    with pytest.raises(InvalidMessageError) as caught:
        AudioRequest.decode(json.dumps(body).encode())
    assert caught.value.field == field
    assert field in str(caught.value)


def test_a_missing_recording_is_named() -> None:
    with pytest.raises(InvalidMessageError, match="The field audio is missing"):
        AudioRequest.decode(b"{}")


def test_its_address_is_not_shown() -> None:
    assert "sig" not in repr(AudioRequest(audio="https://h/a?sig=s3cret"))


@given(st.binary(max_size=60))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    with pytest.raises(InvalidMessageError):
        AudioRequest.decode(body)
