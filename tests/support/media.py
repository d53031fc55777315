"""Media files for tests, made by FFmpeg itself."""

import subprocess
from functools import cache
from pathlib import Path

from shared.audio.ffmpeg import find_ffmpeg

JFK = Path(__file__).parents[1] / "data" / "jfk.flac"  # 11 s of speech
_VIDEO = ("-f", "lavfi", "-i", "testsrc=size=64x64:rate=5")
_MOVIE = (*_VIDEO, "-shortest", "-c:v", "mpeg4")

# Name -> FFmpeg's arguments behind the audio input. All accepted formats; some in kinds that differ for a demuxer.
FORMATS: dict[str, tuple[str, ...]] = {
    "wav": ("-c:a", "pcm_s16le"),
    "mulaw.wav": ("-ar", "8000", "-c:a", "pcm_mulaw"),
    "mp3": ("-c:a", "libmp3lame", "-b:a", "64k"),
    "no_xing.mp3": ("-c:a", "libmp3lame", "-q:a", "4", "-write_xing", "0", "-id3v2_version", "0"),
    "m4a": ("-c:a", "aac"),
    "faststart.m4a": ("-c:a", "aac", "-movflags", "faststart"),
    "ogg": ("-c:a", "libvorbis"),
    "opus": ("-c:a", "libopus"),
    "flac": ("-c:a", "flac"),
    "aiff": (),
    "webm": ("-c:a", "libopus"),
    "live.webm": ("-c:a", "libopus", "-f", "webm", "-live", "1", "-cluster_time_limit", "1000"),
    "aac": ("-c:a", "aac"),
    "wma": ("-c:a", "wmav2"),
    "mp4": (*_MOVIE, "-c:a", "aac"),
    "fragmented.mp4": (*_MOVIE, "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"),
    "mkv": (*_MOVIE, "-c:a", "libvorbis"),
    "avi": (*_MOVIE, "-c:a", "libmp3lame"),
    "mov": (*_MOVIE, "-c:a", "pcm_s16le"),
    "ts": (*_MOVIE, "-c:v", "mpeg2video", "-r", "25", "-c:a", "mp2"),
    "flv": (*_VIDEO, "-shortest", "-c:v", "flv1", "-ar", "44100", "-c:a", "libmp3lame"),
}


@cache
def ffmpeg() -> Path:
    """The FFmpeg that the app would use."""
    return find_ffmpeg(None)


def run(*arguments: str | Path) -> None:
    """Run FFmpeg.

    Raises:
        AssertionError: it failed; the text holds what it said.
    """
    command = [ffmpeg(), "-v", "error", "-nostdin", "-y", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


def encode(source: Path, folder: Path, name: str, *before: str) -> Path:
    """Encode a recording as one of FORMATS.

    Args:
        before: arguments before the input, such as ("-t", "3").

    Returns:
        The file, with the name's last part as its ending.
    """
    path = folder / f"speech.{name}"
    run(*before, "-i", source, *FORMATS[name], "-map_metadata", "-1", "-fflags", "+bitexact", path)
    return path


def make(path: Path, *filters: str) -> Path:
    """A file of what lavfi sources give, such as "sine=d=2" or "anullsrc=d=3", coded as its ending says."""
    inputs = [argument for source in filters for argument in ("-f", "lavfi", "-i", source)]
    run(*inputs, path)
    return path


def samples(path: Path) -> bytes:
    """A file decoded to 16 bits, 16 kHz, mono."""
    command = [ffmpeg(), "-v", "error", "-nostdin", "-i", path, "-f", "s16le", "-ar", "16000", "-ac", "1", "pipe:1"]
    return subprocess.run(command, capture_output=True, check=True, timeout=120).stdout
