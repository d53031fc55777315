"""What is wrong with a file, told by a code and a text; and good files that look as if something were."""

import random
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from shared.audio.errors import InvalidAudioError
from shared.audio.prepare import AudioLimits, prepare
from tests.integration.audio.conftest import LIMITS, names
from tests.support import media, media_forging

NOISE = random.Random(3)

type Make = Callable[[Path, Path], Path]
"""Makes a file of a recording, in a folder."""


def written(name: str, content: bytes) -> Make:
    def make(speech: Path, folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content)
        return path

    return make


def of_sources(name: str, *sources: str) -> Make:
    return lambda _, folder: media.make(folder / name, *sources)


def encoded(name: str, change: Callable[[bytes], bytes] = lambda content: content) -> Make:
    def make(speech: Path, folder: Path) -> Path:
        path = media.encode(speech, folder, name)
        path.write_bytes(change(path.read_bytes()))
        return path

    return make


def cut(name: str, part: float = 0.9) -> Make:
    return encoded(name, lambda content: content[: int(len(content) * part)])


def in_mkv(codec: str) -> Make:
    def make(speech: Path, folder: Path) -> Path:
        path = folder / "speech.mkv"
        media.run("-i", speech, "-strict", "-2", "-ar", "48000", "-c:a", codec, path)
        return path

    return make


def damaged(content: bytes) -> bytes:
    """A fifth of it is overwritten."""
    third = len(content) // 3
    return content[:third] + NOISE.randbytes(len(content) // 5) + content[third + len(content) // 5 :]


SHORT = replace(LIMITS, max_duration_s=3)


@pytest.mark.parametrize(
    ("make", "limits", "code", "said"),
    [
        (written("a.wav", b""), LIMITS, "audio_empty", "0 bytes"),
        (written("a.mp3", b"not a recording" * 100), LIMITS, "audio_unreadable", "Send wav, mp3"),
        (written("a.png", b"\x89PNG\r\n\x1a\n" + bytes(100)), LIMITS, "audio_unreadable", "Send wav, mp3"),
        (of_sources("a.mp4", "testsrc=size=64x64:d=1"), LIMITS, "audio_no_stream", "video without sound"),
        (written("a.wav", media_forging.wav(data=b"")), LIMITS, "audio_zero_length", "0.00 s of sound"),
        (of_sources("a.mp3", "sine=d=0.02"), LIMITS, "audio_zero_length", "at least 0.1 s"),
        (of_sources("a.mp3", "anullsrc=d=5"), LIMITS, "audio_silent", "silent"),
        (of_sources("a.wav", "anoisesrc=d=2:a=0.0003"), LIMITS, "audio_silent", "which microphone"),
        (in_mkv("truehd"), LIMITS, "audio_codec_unsupported", "truehd"),
        (written("a.wav", media_forging.wav(tag=0x7777)), LIMITS, "audio_codec_unsupported", "doesn't know"),
        (encoded("wav"), SHORT, "audio_too_long", "longer than 3 s"),  # told by the header
        (encoded("live.webm"), SHORT, "audio_too_long", "longer than 3 s"),  # found out
        (encoded("opus"), SHORT, "audio_too_long", "AUDIO_MAX_DURATION_S"),
        (encoded("wav"), replace(LIMITS, max_bytes=100_000), "audio_too_large", "0.1 MB are allowed"),
        (encoded("wav"), replace(LIMITS, timeout_s=0.001), "audio_timeout", "AUDIO_FFMPEG_TIMEOUT_S"),
        (encoded("faststart.m4a", damaged), LIMITS, "audio_damaged", "more than 10%"),
        (cut("wav"), LIMITS, "audio_truncated", "Upload the whole file again"),
        (cut("mp3"), LIMITS, "audio_truncated", "after 3.6 s of sound"),
        (cut("flac"), LIMITS, "audio_truncated", "of sound"),
        (cut("aiff"), LIMITS, "audio_truncated", "of sound"),
        (cut("m4a"), LIMITS, "audio_truncated", "not finished"),
        (cut("faststart.m4a"), LIMITS, "audio_truncated", "not finished"),
        (cut("ogg"), LIMITS, "audio_truncated", "not finished"),
        (cut("opus"), LIMITS, "audio_truncated", "not finished"),
        (cut("webm"), LIMITS, "audio_truncated", "after 3.6 s of sound"),
        (cut("live.webm"), LIMITS, "audio_truncated", "of sound"),
        (cut("mp4"), LIMITS, "audio_truncated", "not finished"),
        (cut("fragmented.mp4"), LIMITS, "audio_truncated", "not finished"),
        (cut("mov"), LIMITS, "audio_truncated", "not finished"),
        (cut("mkv"), LIMITS, "audio_truncated", "of sound"),
        (cut("avi"), LIMITS, "audio_truncated", "not finished"),
    ],
)
async def test_what_is_wrong(
    ffmpeg: Path, speech: Path, folder: Path, tmp_path: Path, make: Make, limits: AudioLimits, code: str, said: str
) -> None:
    source = make(speech, tmp_path)
    with pytest.raises(InvalidAudioError) as caught:
        await prepare(source, folder, ffmpeg, limits)
    assert caught.value.code == code
    assert said in str(caught.value)
    assert names(folder) == []


def streamed(content: bytes) -> bytes:
    """A WAV file as it comes out of a pipe: all lengths unknown."""
    data = content.index(b"data")
    return content[:4] + b"\xff" * 4 + content[8 : data + 4] + b"\xff" * 4 + content[data + 8 :]


def riff_off_by_8(content: bytes) -> bytes:
    return content[:4] + struct.pack("<I", len(content)) + content[8:]


ID3 = media_forging.id3(3_000_000, NOISE.randbytes(3_000_000))


@pytest.mark.parametrize(
    ("name", "change", "duration_s"),
    [
        ("mp3", lambda content: ID3 + content, 4),  # a large cover
        ("mp3", lambda content: media_forging.id3(500, b"\xff\xfb\x90" * 167) + content + b"TAG" + bytes(125), 4),
        ("mp3", lambda content: content + NOISE.randbytes(2_000), 4),
        ("no_xing.mp3", lambda content: content[5_000:], 3.3),  # begins in the middle of a frame
        ("no_xing.mp3", lambda content: content, 4.1),  # VBR: its length is guessed, and wrong
        ("live.webm", lambda content: content, 4),  # MediaRecorder: no length
        ("wav", streamed, 4),
        ("wav", riff_off_by_8, 4),
        ("wav", lambda content: content[:-300], 4),
        ("wav", lambda content: content + b"LIST\4\0\0\0INFO", 4),
        ("flac", lambda content: media_forging.id3(100, bytes(100)) + content, 4),
        ("flac", lambda content: content[:21] + bytes([content[21] & 0xF0, 0, 0, 0, 0]) + content[26:], 4),  # no length
        ("ogg", lambda content: content + content, 8),  # a chain, as radio stations record
        ("opus", lambda content: content + bytes(5_000), 4),
        ("faststart.m4a", lambda content: content + bytes(100), 4),
        ("fragmented.mp4", lambda content: content, 4),
    ],
)
async def test_what_is_not_wrong(
    ffmpeg: Path,
    speech: Path,
    folder: Path,
    tmp_path: Path,
    name: str,
    change: Callable[[bytes], bytes],
    duration_s: float,
) -> None:
    prepared = await prepare(encoded(name, change)(speech, tmp_path), folder, ffmpeg, LIMITS)
    assert prepared.duration_s == pytest.approx(duration_s, abs=0.12)
