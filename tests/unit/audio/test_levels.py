"""Loudness and pauses, from what FFmpeg's filters print."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.audio.levels import Levels, Pause

KEY = "lavfi.astats.Overall.RMS_level="


def levels(loudness: float | None, *frames_db: float) -> Levels:
    result = Levels()
    for frame, level_db in enumerate(frames_db):
        result.read_output(f"frame:{frame}    pts:{frame * 800}     pts_time:{frame * 0.05}")
        result.read_output(f"{KEY}{level_db}")
    if loudness is not None:
        result.read_log(f"    I:         {loudness} LUFS")
    return result


def test_pauses_are_ten_below_the_loudness() -> None:
    speech, hum = [-20.0] * 10, [-31.0] * 8
    assert levels(-20.0, *speech, *hum, *speech).pauses() == [Pause(0.5, 0.9)]
    assert levels(-22.0, *speech, *hum, *speech).pauses() == []


def test_short_pauses_are_none() -> None:
    assert levels(-20.0, *[-20.0] * 5, *[-60.0] * 5, *[-20.0] * 5).pauses() == []
    assert levels(-20.0, *[-20.0] * 5, *[-60.0] * 6, *[-20.0] * 5).pauses() == [Pause(0.25, 0.55)]


def test_pauses_at_both_ends() -> None:
    assert levels(-20.0, *[-90.0] * 6, -20.0, *[-90.0] * 6).pauses() == [Pause(0, 0.3), Pause(0.35, 0.65)]


def test_what_is_too_short_to_have_a_loudness_has_a_loudest_frame() -> None:
    recording = levels(-70.0, *[-20.0] * 2, *[-50.0] * 6)
    assert recording.loudness_lufs is None
    assert recording.pauses() == [Pause(0.1, 0.4)]


def test_the_last_loudness_counts() -> None:
    recording = levels(-30.0)
    recording.read_log("    I:         -18.5 LUFS")
    assert recording.loudness_lufs == -18.5


@pytest.mark.parametrize(
    "line", ["[info]     I               : -5.0 LUFS", "    I:  loud LUFS", "    I:  nan LUFS", ""]
)
def test_other_lines_are_no_loudness(line: str) -> None:
    """Such as a tag of the file that is called I."""
    recording = levels(-30.0)
    recording.read_log(line)
    assert recording.loudness_lufs == -30.0


@pytest.mark.parametrize(
    ("frames_db", "silent"),
    [([], True), ([-60.0], True), ([float("-inf"), float("nan")], True), ([-90.0, -59.0], False)],
)
def test_silence(frames_db: list[float], silent: bool) -> None:
    assert levels(None, *frames_db).silent is silent


@given(st.lists(st.text() | st.floats().map(lambda level: f"{KEY}{level}") | st.text().map(lambda text: KEY + text)))
def test_any_output_gives_pauses_in_order(lines: list[str]) -> None:
    recording = Levels()
    for line in lines:
        recording.read_output(line)
        recording.read_log(line)
    pauses = recording.pauses()
    assert all(pause.start_s >= 0 and pause.length_s >= 0.3 - 1e-9 for pause in pauses)
    assert all(pause.end_s <= len(recording.frames_db) * 0.05 + 1e-9 for pause in pauses)
    assert all(before.end_s < after.start_s for before, after in itertools.pairwise(pauses))
