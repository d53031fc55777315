"""Limits: from the settings, and what the endpoint's bytes mean in seconds."""

import pytest

from shared.audio.prepare import MAX_CHUNK_BYTES, AudioLimits
from shared.config import audio_settings


def test_from_the_settings() -> None:
    assert AudioLimits.of(audio_settings({})) == AudioLimits(1_000_000_000, 14_400, 300, 5, 300, 26_214_400)


@pytest.mark.parametrize(
    ("chunk_s", "max_chunk_bytes", "longest_s"), [(300, MAX_CHUNK_BYTES, 300), (2000, MAX_CHUNK_BYTES, 810)]
)
def test_the_longest_chunk(chunk_s: float, max_chunk_bytes: int, longest_s: float) -> None:
    limits = AudioLimits(1, 1, chunk_s, 5, 1, max_chunk_bytes)
    assert limits.longest_chunk_s == pytest.approx(longest_s, rel=0.001)
