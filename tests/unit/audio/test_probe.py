"""What FFmpeg's log says of a file, and what the file's own texts in it can't fake."""

from hypothesis import given
from hypothesis import strategies as st

from shared.audio.probe import AudioStream, Probe

# FFmpeg 9.0.
VIDEO = """\
[h264 @ 0x55b9] [error] Codec (h264) not on whitelist 'aac'
[info] Input #0, matroska,webm, from 'file:/data/source':
[info]   Metadata:
[info]     title           : Duration: 99:00:00.00
[info]                     :   Duration: 98:00:00.00
[info]     Duration        : 97:00:00.00, start: 0
[info]     Stream #0:9     : Audio: evil, 8000 Hz
[info]   Duration: 00:01:01.25, start: 0.000000, bitrate: 170 kb/s
[info]   Stream #0:0: Video: h264 (High), none(progressive), 320x240, 25 fps, 25 tbr, 1k tbn (default)
[info]     Metadata:
[info]       title           : Stream #0:3: Audio: evil
[info]   Stream #0:1(eng): Audio: aac (LC), 44100 Hz, stereo, fltp
[info]   Stream #0:2(ger): Audio: opus, 48000 Hz, mono, fltp (default) (forced)
[fatal] At least one output file must be specified
"""


def probe(log: str) -> Probe:
    result = Probe()
    for line in log.splitlines():
        result.read(line)
    return result


def test_a_video() -> None:
    found = probe(VIDEO)
    assert (found.container, found.declared_s) == ("matroska,webm", 61.25)
    assert found.streams == [AudioStream(1, "aac", False), AudioStream(2, "opus", True)]
    assert found.stream == AudioStream(2, "opus", True)


def test_the_first_stream_where_none_is_the_default() -> None:
    assert probe(VIDEO.replace("(default)", "")).stream == AudioStream(1, "aac", False)


def test_ffmpeg_4_indents_further_and_mp4_has_ids() -> None:
    found = probe("[info]     Stream #0:0[0x1](und): Audio: aac (LC) (mp4a / 0x6134706D), 44100 Hz (default)")
    assert found.stream == AudioStream(0, "aac", True)


def test_a_guessed_duration_is_none() -> None:
    line = "[mp3 @ 0x2b64] [warning] Estimating duration from bitrate, this may be inaccurate\n"
    duration = "[info]   Duration: 00:00:11.05, start: 0.000000, bitrate: 128 kb/s"
    assert probe(duration).declared_s == 11.05
    assert probe(line + duration).declared_s is None
    assert probe("[info] Input #0, ogg, from 'file:x':\n" + duration).declared_s is None


def test_what_could_not_be_opened() -> None:
    found = probe("[in#0 @ 0x55] [error] moov atom not found\n[fatal] Error opening input files: Invalid data")
    assert (found.container, found.declared_s, found.stream) == (None, None, None)
    assert probe("[info]   Duration: N/A, start: 0.000000, bitrate: N/A").declared_s is None


@given(st.lists(st.text() | st.sampled_from(VIDEO.splitlines())))
def test_any_log_can_be_read(lines: list[str]) -> None:
    found = probe("\n".join(lines))
    assert found.stream is None or found.stream in found.streams
