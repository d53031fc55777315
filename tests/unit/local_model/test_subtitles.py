"""How a transcript of several segments is written as subtitles."""

import pytest

from local.model.engines.protocol import Segment, Transcript
from local.model.transcription import _written

TRANSCRIPT = Transcript((Segment(0.0, 1.25, " One."), Segment(3661.5, 3662.0, " Two.")), 3662.0)


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("srt", "1\n00:00:00,000 --> 00:00:01,250\nOne.\n\n2\n01:01:01,500 --> 01:01:02,000\nTwo.\n"),
        ("vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:01.250\nOne.\n\n01:01:01.500 --> 01:01:02.000\nTwo.\n"),
        ("text", "One. Two.\n"),
    ],
)
def test_several_segments(form: str, written: str) -> None:
    assert _written(TRANSCRIPT, form, "whisper") == written
