"""Whether the end of a file is missing: told by its own structure, by FFmpeg, or by the length it states.

FFmpeg decodes what there is and calls it a success, but whoever sent the file must know that the end wasn't heard. A
good file must never fail for it, so a sign counts only where its format makes it a certain one: recorders that are cut
off, stream or edit leave lengths at 0 or "unknown", and trailing tags after the audio.

What can't be told: raw streams (aac, amr, mpeg, mpegts), mp3 without a Xing header, a webm that was cut between two
blocks of a recording of unknown length, an Ogg that was cut between two pages, flv, wma and wmv.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

# Of containers that hold nothing but samples and state how many. Others state the length of what lasts longest.
_COUNTED = ("aiff", "flac", "mp3")
_TOLERANCE_S = 0.25  # a few frames, which encoders count in different ways
_TOLERANCE = 0.002

_SAYS_CUT = re.compile(r"\[[^\]]*\] \[\w+\] (?:stream \d+, offset 0x[0-9a-f]+: partial file|File ended prematurely)")
_UNFINISHED = re.compile(r"\[[^\]]*\] \[\w+\] moov atom not found")

_UNKNOWN_BYTES = 0x7FFF0000  # and more, or 0: written by those who don't know the length yet
_SLACK_BYTES = 1024
_SLACK = 0.005
_OGG_HEAD_BYTES = 27
_OGG_PAGE_BYTES = _OGG_HEAD_BYTES + 255 + 255 * 255
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide", b"mfra", b"sidx", b"styp", b"uuid")
_MOST_BOXES = 200_000


def log_says_cut(log: Sequence[str]) -> bool:
    """Whether FFmpeg noticed, while decoding, that the file ends in the middle of something."""
    return any(_SAYS_CUT.match(line) for line in log)


def log_says_unfinished(log: Sequence[str]) -> bool:
    """Whether FFmpeg misses the index of an mp4 file, which recorders write last."""
    return any(_UNFINISHED.match(line) for line in log)


def states_more(container: str, declared_s: float | None, decoded_s: float) -> bool:
    """Whether the file states a length of sound that is not in it."""
    if declared_s is None or container not in _COUNTED:
        return False
    return declared_s - decoded_s > _TOLERANCE_S + _TOLERANCE * declared_s


def ends_early(path: Path) -> bool:
    """Whether a wav, avi, ogg or mp4 file ends before a part of it does. False for all others.

    Raises:
        OSError
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        head = _read(file, 0, 12)
        if head[:4] == b"RIFF":
            return _riff_ends_early(file, size, head[8:12])
        if head[:4] == b"OggS":
            return _ogg_ends_early(file, size)
        return head[4:8] == b"ftyp" and _mp4_ends_early(file, size)


def _read(file: BinaryIO, position: int, count: int) -> bytes:
    file.seek(position)
    return file.read(count)


def _riff_ends_early(file: BinaryIO, size: int, form: bytes) -> bool:
    """Multimedia Programming Interface and Data Specifications 1.0; the name and size of each chunk precede it."""
    position, wanted = (12, b"data") if form == b"WAVE" else (0, b"RIFF")
    while len(head := _read(file, position, 8)) == 8:
        length = int.from_bytes(head[4:], "little")
        if head[:4] == wanted:
            known = 0 < length < _UNKNOWN_BYTES
            if known and position + 8 + length - size > max(_SLACK_BYTES, _SLACK * length):
                return True
            if form == b"WAVE":
                return False
        elif form != b"WAVE":
            return False
        position += 8 + length + length % 2
    return False


def _ogg_ends_early(file: BinaryIO, size: int) -> bool:
    """RFC 3533, section 6: the head of a page tells how long it is."""
    start = max(0, size - _OGG_PAGE_BYTES)
    tail = _read(file, start, _OGG_PAGE_BYTES)
    last = tail.rfind(b"OggS")
    if last < 0:
        return False  # something else was appended
    head = tail[last : last + _OGG_HEAD_BYTES]
    if len(head) < _OGG_HEAD_BYTES:
        return True
    segments = tail[last + _OGG_HEAD_BYTES :][: head[-1]]
    return len(segments) < head[-1] or last + _OGG_HEAD_BYTES + len(segments) + sum(segments) > len(tail)


def _mp4_ends_early(file: BinaryIO, size: int) -> bool:
    """ISO/IEC 14496-12, section 4.2: a file is a row of boxes; a size of 1 means 64 bits, 0 means to the end."""
    position = 0
    for _ in range(_MOST_BOXES):
        head = _read(file, position, 16)
        if len(head) < 8 or head[4:8] not in _MP4_BOXES:
            return False  # the end, or something that was appended
        length = int.from_bytes(head[:4])
        if length == 1 and len(head) == 16:
            length = int.from_bytes(head[8:])
        if length < 8:
            return False
        position += length
        if position > size:
            return True
    return False
