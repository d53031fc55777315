"""Strict readers of SubRip and WebVTT, for tests: what they don't understand is an error."""

import html
import re
from dataclasses import dataclass

_SRT_TIME = r"(\d{2,}):([0-5]\d):([0-5]\d),(\d{3})"
_VTT_TIME = r"(\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3})"


@dataclass(frozen=True)
class ReadCue:
    """Times in milliseconds, and the lines as they are shown."""

    start_ms: int
    end_ms: int
    lines: list[str]


def read_srt(text: str) -> list[ReadCue]:
    """SubRip: blocks of a number, a line of times and lines of text."""
    if not text:
        return []
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    read = []
    for number, block in enumerate(text[:-1].split("\n\n"), 1):
        head, times, *lines = block.split("\n")
        assert head == str(number)
        read.append(_cue(times, _SRT_TIME, lines))
    return read


def read_vtt(text: str) -> list[ReadCue]:
    """WebVTT by the grammar of the W3C, without the parts that we don't write (settings, notes, tags)."""
    head, *blocks = text.removesuffix("\n").split("\n\n")
    assert head == "WEBVTT"
    read = []
    for block in blocks:
        times, *lines = block.split("\n")
        for line in lines:
            assert "-->" not in line
            assert "<" not in line
            assert not re.search(r"&(?!amp;|lt;|gt;)", line)
        read.append(_cue(times, _VTT_TIME, [html.unescape(line) for line in lines]))
    assert all(cue.end_ms > cue.start_ms for cue in read)
    assert [cue.start_ms for cue in read] == sorted(cue.start_ms for cue in read)
    return read


def _cue(times: str, time: str, lines: list[str]) -> ReadCue:
    match = re.fullmatch(f"{time} --> {time}", times)
    assert match, times
    assert lines
    assert all(line.strip() for line in lines)
    numbers = [int(group) for group in match.groups()]
    start_ms, end_ms = (((h * 60 + m) * 60 + s) * 1000 + ms for h, m, s, ms in (numbers[:4], numbers[4:]))
    return ReadCue(start_ms, end_ms, lines)
