"""Which files break off, and which only look like it."""

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.audio.truncation import ends_early, log_says_cut, log_says_unfinished, states_more
from tests.support.media_forging import box, wav

SOUND = bytes(range(256)) * 100


def page(content: bytes) -> bytes:
    """A page of an Ogg file."""
    segments = [255] * (len(content) // 255) + [len(content) % 255]
    return b"OggS\0\0" + bytes(20) + bytes([len(segments), *segments]) + content


def avi(content: bytes, stated: int | None = None) -> bytes:
    return b"RIFF" + struct.pack("<I", len(content) + 4 if stated is None else stated) + b"AVI " + content


OGG = page(b"head") + page(SOUND[:20_000]) + page(SOUND[:3_000])
MP4 = box(b"ftyp", b"isom\0\0\2\0") + box(b"moov", b"x" * 500) + box(b"mdat", SOUND)
LARGE = box(b"ftyp", b"isom\0\0\2\0") + box(b"mdat", struct.pack(">Q", 16 + len(SOUND)) + SOUND, 1)


@pytest.mark.parametrize(
    ("content", "early"),
    [
        (wav(data=SOUND), False),
        (wav(data=SOUND)[:-100], False),  # within the slack for headers that count themselves
        (wav(data=SOUND)[:-2_000], True),
        (wav(data=SOUND) + b"trailing tags", False),
        (wav(data=SOUND, stated=0), False),
        (wav(data=SOUND, stated=0xFFFFFFFF), False),
        (wav(data=SOUND, stated=0x7FFFF000), False),  # sox, into a pipe
        (wav(data=SOUND, stated=1_000_000), True),
        (wav(data=SOUND)[:30], False),  # no sound at all: not for us to say
        (avi(SOUND), False),
        (avi(SOUND)[:-2_000], True),
        (avi(SOUND) + avi(SOUND), False),
        (avi(SOUND) + avi(SOUND)[:-2_000], True),
        (avi(SOUND) + b"garbage!", False),
        (avi(SOUND, 0), False),
        (OGG, False),
        (OGG[:-1], True),
        (OGG[:-2_990], True),
        (OGG[: -len(page(SOUND[:3_000])) + 10], True),  # within the head of a page
        (OGG[: -len(page(SOUND[:3_000]))], False),  # between two pages: can't be told
        (OGG + b"TAG" + bytes(125), False),
        (OGG + bytes(70_000), False),
        (MP4, False),
        (MP4[:-1], True),
        (MP4[:200], True),
        (MP4 + b"trailing", False),
        (MP4 + bytes(8), False),
        (LARGE, False),
        (LARGE[:-1], True),
        (box(b"ftyp", b"isom\0\0\2\0") + box(b"mdat", SOUND, 0), False),
        (b"", False),
        (b"RIFF", False),
        (b"fLaC" + SOUND, False),
        (b"text", False),
    ],
)
def test_structure(tmp_path: Path, content: bytes, early: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert ends_early(path) is early


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=300), head=st.sampled_from([b"RIFF\0\0\0\0WAVE", b"RIFF\0\0\0\0AVI ", b"OggS", OGG, MP4])
)
def test_any_file_can_be_read(tmp_path: Path, content: bytes, head: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(head + content)
    assert ends_early(path) in (True, False)


@pytest.mark.parametrize(
    ("line", "cut"),
    [
        ("[in#0/mov,mp4,m4a,3gp,3g2,mj2 @ 0x55d] [error] stream 1, offset 0x37fc3: partial file", True),
        ("[in#0/matroska,webm @ 0x5602] [error] File ended prematurely", True),
        ("[matroska,webm @ 0x5602] [error] File ended prematurely at pos. 70685 (0x1141d)", True),
        ("[info]     title           : File ended prematurely", False),
        ("[in#0/wav @ 0x5602] [warning] Packet corrupt (stream = 0, dts = NOPTS).", False),
    ],
)
def test_what_ffmpeg_says(line: str, cut: bool) -> None:
    assert log_says_cut(["[info] Stream mapping:", line]) is cut


def test_a_missing_index() -> None:
    assert log_says_unfinished(["[mov,mp4,m4a,3gp,3g2,mj2 @ 0x55] [error] moov atom not found"])
    assert not log_says_unfinished(["[info]     title           : moov atom not found"])


@pytest.mark.parametrize(
    ("container", "declared_s", "decoded_s", "more"),
    [
        ("mp3", 60.0, 59.9, False),
        ("mp3", 60.0, 59.0, True),
        ("flac", 7200.0, 7186.0, False),
        ("flac", 7200.0, 7180.0, True),
        ("mp3", 60.0, 75.0, False),
        ("mp3", None, 1.0, False),
        ("matroska,webm", 60.0, 30.0, False),  # what lasts is perhaps the video
    ],
)
def test_stated_lengths(container: str, declared_s: float | None, decoded_s: float, more: bool) -> None:
    assert states_more(container, declared_s, decoded_s) is more
