"""What people are told when FFmpeg fails. The logs are those of FFmpeg 4.2 to 9.0."""

from pathlib import Path

import pytest

from shared.audio.errors import (
    DamagedAudioError,
    FFmpegKilledError,
    InvalidAudioError,
    NoDiskSpaceError,
    TruncatedAudioError,
    UnreadableAudioError,
    UnsupportedCodecError,
)
from shared.audio.ffmpeg import Finished
from shared.audio.verdict import decode_failure, machine_failure, open_failure, truncated, unsupported
from shared.errors import ConfigurationError, SluiceError, TransientError

FFMPEG = Path("/opt/ffmpeg")
FULL = "[out#0/flac @ 0x55d] [error] Error muxing a packet: No space left on device"
OLD = '[Parsed_ebur128_3 @ 0x1] [error] Unable to parse option value "quiet"'


@pytest.mark.parametrize(
    ("returncode", "line", "error"),
    [
        (-9, "", FFmpegKilledError),
        (-15, "", FFmpegKilledError),
        (1, FULL, NoDiskSpaceError),
        (8, OLD, ConfigurationError),
        (1, "[fatal] Unrecognized option 'max_error_rate'.", ConfigurationError),
        (1, "[AVFilterGraph @ 0x1] [error] No such filter: 'ebur128'", ConfigurationError),
        (183, "[in#0 @ 0x1] [error] Error opening input: Invalid data found when processing input", None),
        (-11, "", None),  # it crashed: that is the file's doing
        (1, "[info]     title           : No space left on device", None),
        (1, "[info]     comment         : Unrecognized option", None),
    ],
)
def test_faults_of_the_machine(returncode: int, line: str, error: type[SluiceError] | None) -> None:
    failure = machine_failure(Finished(returncode, (line,)), FFMPEG)
    assert type(failure) is (error or type(None))
    if isinstance(failure, ConfigurationError):
        assert failure.field == "FFMPEG_PATH"
        assert str(FFMPEG) in str(failure)


def test_only_what_passes_is_tried_again() -> None:
    assert isinstance(machine_failure(Finished(-9, ()), FFMPEG), TransientError)
    assert isinstance(machine_failure(Finished(1, (FULL,)), FFMPEG), TransientError)


def test_files_that_can_not_be_opened() -> None:
    assert type(open_failure(["[in#0 @ 0x1] [error] moov atom not found"])) is TruncatedAudioError
    unreadable = open_failure(["[in#0 @ 0x1] [error] Format not on whitelist 'mp3'"])
    assert type(unreadable) is UnreadableAudioError
    assert "mp3, m4a" in str(unreadable)


@pytest.mark.parametrize(
    ("returncode", "line", "decoded_s", "error", "said"),
    [
        (69, "", 3.0, DamagedAudioError, "more than 10%"),
        (187, "[af#0:0 @ 0x1] [error] Error reinitializing filters!", 3.0, DamagedAudioError, "reinitializing filters"),
        (69, "[mp3float @ 0x1] [error] Header missing", 0.0, UnreadableAudioError, "(Header missing)"),
        (-11, "", 0.0, UnreadableAudioError, "FFmpeg crashes on it"),
        (
            234,
            "[aist#0:0/opus @ 0x1] [dec:opus @ 0x2] [error] Error while opening decoder: Invalid argument",
            0.0,
            UnsupportedCodecError,
            "coded as opus",
        ),
        (
            183,
            "[in#0 @ 0x1] [error] Error opening input file file:/data/x.",
            0.0,
            UnreadableAudioError,
            "no reason",
        ),
        (183, "[h264 @ 0x1] [error] Codec (h264) not on whitelist 'aac'", 0.0, UnreadableAudioError, "no reason"),
    ],
)
def test_files_that_can_not_be_decoded(
    returncode: int, line: str, decoded_s: float, error: type[InvalidAudioError], said: str
) -> None:
    failure = decode_failure(Finished(returncode, (line,)), "opus", decoded_s)
    assert type(failure) is error
    assert said in str(failure)
    assert "/data" not in str(failure)


def test_codecs() -> None:
    assert unsupported("opus") is None
    assert "dts" in str(unsupported("dts"))
    assert "doesn't know" in str(unsupported("none"))


def test_truncated_says_where() -> None:
    assert "after 12.3 s" in str(truncated(12.34))
    assert "after" not in str(truncated())


def test_each_reason_has_a_code_of_its_own() -> None:
    kinds = [InvalidAudioError, *InvalidAudioError.__subclasses__(), NoDiskSpaceError, FFmpegKilledError]
    assert len({kind.code for kind in kinds}) == len(kinds) == 14
    assert all(kind.code.startswith("audio_") for kind in kinds[:-2])
