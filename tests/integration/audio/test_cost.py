"""Long recordings in bounded memory: two hours take no more than five minutes do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import media
from tests.support.audio_cost import measure
from tests.support.speech import speak


@pytest.mark.accept
def test_memory_does_not_grow_with_the_recording(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    spoken = tmp_path / "spoken.wav"
    seconds = speak((f"Call number {i} is about an order of {i % 90} chairs." for i in range(1300)), spoken)[-1].end_s
    costs = {}
    for minutes in (5, 120):
        source = tmp_path / f"{minutes}.mp3"
        media.run("-stream_loop", str(int(minutes * 60 / seconds) + 1), "-i", spoken, "-t", str(minutes * 60), source)
        costs[minutes] = measure(source)
    short, long = costs[5], costs[120]
    assert long.duration_s == pytest.approx(7200, abs=1)
    assert long.python_mb < short.python_mb + 10
    assert long.ffmpeg_mb < short.ffmpeg_mb + 10
    assert long.disk_mb < 2 * 20_000 * 7200 / 1e6, "as much as is asked for before work"
    record_property("figures", f"{short}; {long}")
