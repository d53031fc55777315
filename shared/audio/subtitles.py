"""Subtitles of a transcript: SubRip (SRT) and WebVTT. Pure."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import batched

from shared.audio.transcript import Segment
from shared.audio.words import word_spans

# Netflix and the BBC ask for at most two lines of about 42 columns; a Chinese or Japanese character takes two.
_LINE_COLUMNS = 42
_CUE_LINES = 2
_ARROW = re.compile("-{2,}>")


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown at once; times in milliseconds."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]


def to_srt(segments: Iterable[Segment]) -> str:
    """The segments as SubRip. It has no escapes, so an arrow, which belongs to its times, is written shorter."""
    blocks = (
        f"{number}\n{_times(cue, ',')}\n" + "".join(f"{_ARROW.sub('->', line)}\n" for line in cue.lines)
        for number, cue in enumerate(cues(segments), 1)
    )
    return "\n".join(blocks)


def to_vtt(segments: Iterable[Segment]) -> str:
    """The segments as WebVTT (W3C)."""
    blocks = (
        f"\n{_times(cue, '.')}\n" + "".join(f"{_escaped(line)}\n" for line in cue.lines) for cue in cues(segments)
    )
    return "WEBVTT\n" + "".join(blocks)


def cues(segments: Iterable[Segment]) -> list[Cue]:
    """Segments cut into what can be shown at once. Their time is shared out by the length of the text.

    Starts never decrease, and every cue lasts a millisecond at least, as WebVTT demands.
    """
    made: list[Cue] = []
    for segment in segments:
        parts = list(batched(_wrapped(segment.text), _CUE_LINES, strict=False))
        sizes = [sum(map(len, part)) for part in parts]
        spoken_s = segment.end_s - segment.start_s
        done = 0
        for part, size in zip(parts, sizes, strict=True):
            start_ms = _ms(segment.start_s + spoken_s * done / sum(sizes))
            done += size
            end_ms = _ms(segment.start_s + spoken_s * done / sum(sizes))
            start_ms = max(start_ms, made[-1].start_ms if made else 0)
            made.append(Cue(start_ms, max(end_ms, start_ms + 1), part))
    return made


def _wrapped(text: str) -> list[str]:
    """Lines of at most _LINE_COLUMNS; a word that is longer is broken."""
    lines: list[str] = []
    begin = end = 0
    for piece_begin, piece_end in _pieces(text):
        if end and _columns(text[begin:piece_end]) > _LINE_COLUMNS:
            lines.append(text[begin:end])
            begin = piece_begin
        elif not end:
            begin = piece_begin
        end = piece_end
    return [*lines, text[begin:end]] if end else lines


def _pieces(text: str) -> Iterable[tuple[int, int]]:
    """Words, and of words that are too long for a line pieces that aren't."""
    for begin, end in word_spans(text):
        while _columns(text[begin:end]) > _LINE_COLUMNS:
            cut = begin + 1
            while _columns(text[begin : cut + 1]) <= _LINE_COLUMNS:
                cut += 1
            yield begin, cut
            begin = cut
        yield begin, end


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _escaped(line: str) -> str:
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))


def _times(cue: Cue, decimal: str) -> str:
    return f"{_clock(cue.start_ms, decimal)} --> {_clock(cue.end_ms, decimal)}"


def _clock(ms: int, decimal: str) -> str:
    """HH:MM:SS and milliseconds; hours take as many digits as they need, two at least."""
    seconds, ms = divmod(ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{decimal}{ms:03}"
