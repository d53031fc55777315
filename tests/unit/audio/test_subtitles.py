"""SubRip and WebVTT: strict readers read back what was written."""

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.audio.subtitles import cues, to_srt, to_vtt
from shared.audio.transcript import Segment, Transcript
from shared.audio.words import plain
from tests.support.subtitles import ReadCue, read_srt, read_vtt
from tests.unit.audio.test_transcript import transcripts

hostile = st.lists(
    st.sampled_from(
        ["-->", "--->", "<b>", "</v>", "&amp;", "&", "NOTE", "WEBVTT", "1", "00:00:01.000 --> 00:00:02.000"]
    )
    | st.text(max_size=60),
    max_size=9,
).map(lambda parts: plain(" ".join(parts)))


def columns(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def letters(lines: list[str] | tuple[str, ...]) -> str:
    return "".join("".join(lines).split())


@given(transcripts(hostile.filter(bool)))
def test_webvtt_comes_back(transcript: Transcript) -> None:
    read = read_vtt(to_vtt(transcript.segments))
    assert [(c.start_ms, c.end_ms, tuple(c.lines)) for c in read] == [
        (c.start_ms, c.end_ms, c.lines) for c in cues(transcript.segments)
    ]


@given(transcripts(hostile.filter(bool)))
def test_subrip_comes_back(transcript: Transcript) -> None:
    def shortened(lines: list[str] | tuple[str, ...]) -> str:
        return letters(lines).replace("-", "")

    read = read_srt(to_srt(transcript.segments))
    assert [(c.start_ms, c.end_ms, shortened(c.lines)) for c in read] == [
        (c.start_ms, c.end_ms, shortened(c.lines)) for c in cues(transcript.segments)
    ]
    assert not any("-->" in line for cue in read for line in cue.lines)


@given(transcripts(hostile.filter(bool)))
def test_cues_hold_every_letter_in_lines_that_fit(transcript: Transcript) -> None:
    made = cues(transcript.segments)
    assert letters([line for cue in made for line in cue.lines]) == letters([s.text for s in transcript.segments])
    assert all(columns(line) <= 42 and line == line.strip() != "" for cue in made for line in cue.lines)
    assert all(1 <= len(cue.lines) <= 2 for cue in made)


@given(transcripts(hostile.filter(bool)))
def test_cues_of_a_segment_fill_its_time(transcript: Transcript) -> None:
    for segment in transcript.segments:
        made = cues([segment])
        assert made[0].start_ms == round(segment.start_s * 1000)
        assert made[-1].end_ms >= round(segment.end_s * 1000)
        assert made[-1].end_ms <= max(round(segment.end_s * 1000), round(segment.start_s * 1000) + len(made))


def test_as_it_looks() -> None:
    segments = [
        Segment(0.0, 4.0, "And so my fellow Americans, ask not what your country can do for you, ask what"),
        Segment(4.0, 5.5, "you <can> & --> do."),
    ]
    assert to_srt(segments) == (
        "1\n00:00:00,000 --> 00:00:04,000\nAnd so my fellow Americans, ask not what\nyour country can do for you, ask "
        "what\n\n2\n00:00:04,000 --> 00:00:05,500\nyou <can> & -> do.\n"
    )
    assert to_vtt(segments) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:04.000\nAnd so my fellow Americans, ask not what\nyour country can do for "
        "you, ask what\n\n00:00:04.000 --> 00:00:05.500\nyou &lt;can&gt; &amp; --&gt; do.\n"
    )


@pytest.mark.parametrize(
    ("start_s", "shown"), [(0.0004, "00:00:00.000"), (59.9996, "00:01:00.000"), (360_000.5, "100:00:00.500")]
)
def test_times(start_s: float, shown: str) -> None:
    assert to_vtt([Segment(start_s, start_s + 1, "a")]).split("\n")[2].startswith(f"{shown} --> ")
    assert read_srt(to_srt([Segment(start_s, start_s + 1, "a")]))[0].start_ms == round(start_s * 1000)


def test_no_cue_is_shown_for_no_time() -> None:
    assert cues([Segment(1, 1, "a"), Segment(0.5, 0.6, "b")]) == cues([Segment(1, 1.001, "a"), Segment(1, 1.001, "b")])


def test_nothing_said() -> None:
    assert to_srt([]) == ""
    assert read_srt("") == read_vtt(to_vtt([])) == []
    assert to_vtt([]) == "WEBVTT\n"


def test_a_long_segment_is_shown_bit_by_bit() -> None:
    made = read_vtt(to_vtt([Segment(10.0, 20.0, "word " * 40)]))
    assert [len(cue.lines) for cue in made] == [2, 2, 1]
    assert all(one.end_ms == other.start_ms for one, other in pairwise(made))
    assert (made[0].start_ms, made[-1].end_ms) == (10_000, 20_000)


def test_japanese_lines_are_half_as_many_characters() -> None:
    made = read_srt(to_srt([Segment(0, 10, "\u8a9e" * 50)]))
    assert made == [
        ReadCue(0, 8400, ["\u8a9e" * 21, "\u8a9e" * 21]),
        ReadCue(8400, 10_000, ["\u8a9e" * 8]),
    ]
