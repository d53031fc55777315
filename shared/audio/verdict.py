"""What to tell people when FFmpeg fails. Pure: from its exit code and log to an error."""

import re
import signal
from collections.abc import Sequence
from pathlib import Path

from shared.audio.accepted import ACCEPTED, CODECS
from shared.audio.commands import MAX_ERROR_RATE
from shared.audio.errors import (
    DamagedAudioError,
    FFmpegKilledError,
    NoDiskSpaceError,
    TruncatedAudioError,
    UnreadableAudioError,
    UnsupportedCodecError,
)
from shared.audio.ffmpeg import Finished
from shared.audio.truncation import log_says_unfinished
from shared.errors import ConfigurationError, SluiceError

_TOO_MANY_ERRORS = 69  # FFmpeg's exit code where the rate is exceeded

_KILLS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGXCPU)
# The log quotes the file's own texts at the level "info".
_PROBLEM = re.compile(r"(?:\[[^\]]*\] )*\[(?:error|fatal|panic)\] (.+)")
_NO_SPACE = re.compile(r"No space left on device")
_LACKING = re.compile(r"Unrecognized option|Option not found|Unable to parse option|No such filter|Unknown encoder")
_NO_DECODER = re.compile(r"no decoder found|Decoder \(codec .*\) not found|Error while opening decoder")

_CUT_OFF = (
    "The file breaks off: its end is missing{after}. The upload was cut short, or the recording was not finished. "
    "Upload the whole file again."
)


def truncated(after_s: float = 0.0) -> TruncatedAudioError:
    """The error for a file that breaks off, after so many seconds of sound where that is known."""
    return TruncatedAudioError(_CUT_OFF.format(after=f" after {after_s:.1f} s of sound" if after_s else ""))


def machine_failure(finished: Finished, ffmpeg: Path) -> SluiceError | None:
    """The error where a run failed for want of something on this machine, whatever the file is."""
    if -finished.returncode in _KILLS:
        return FFmpegKilledError(f"FFmpeg was ended by signal {-finished.returncode}, perhaps for want of memory.")
    if _any(_NO_SPACE, finished.log):
        return NoDiskSpaceError("The temporary disk of this machine became full while FFmpeg wrote to it.")
    if _any(_LACKING, finished.log):
        return ConfigurationError(
            f"FFmpeg at {ffmpeg} lacks something that is needed: install a newer one, complete, or have "
            f"FFMPEG_PATH name another one. It says: {_said(finished.log)}",
            field="FFMPEG_PATH",
        )
    return None


def open_failure(log: Sequence[str]) -> SluiceError:
    """The error where a file can't be opened at all."""
    if log_says_unfinished(log):
        return truncated()
    return UnreadableAudioError(f"The file is no audio or video that can be read. Send {ACCEPTED}.")


def unsupported(codec: str) -> UnsupportedCodecError | None:
    """The error for a codec that isn't accepted; None for one that is."""
    if codec in CODECS:
        return None
    known = f"as {codec}" if codec not in ("none", "unknown") else "in a way that FFmpeg doesn't know"
    return UnsupportedCodecError(f"The sound is coded {known}, which isn't supported. Convert it to {ACCEPTED}.")


def decode_failure(finished: Finished, codec: str, decoded_s: float) -> SluiceError:
    """The error where a file was opened and could not be decoded."""
    said = _said(finished.log) if finished.returncode > 0 else "FFmpeg crashes on it"
    if decoded_s > 0:
        many = finished.returncode == _TOO_MANY_ERRORS
        what = f"more than {MAX_ERROR_RATE:.0%} of it can't be decoded" if many else said
        return DamagedAudioError(
            f"The recording is damaged: {what}. Upload it again, or export it anew from where it was recorded."
        )
    if _any(_NO_DECODER, finished.log):
        return UnsupportedCodecError(
            f"The sound is coded as {codec} in a variant that isn't supported ({said}). Convert it to {ACCEPTED}."
        )
    return UnreadableAudioError(
        f"The file says that it holds sound ({codec}), but nothing of it can be decoded ({said}). Send {ACCEPTED}."
    )


def _problems(log: Sequence[str]) -> list[str]:
    return [match[1] for line in log if (match := _PROBLEM.match(line))]


def _any(pattern: re.Pattern[str], log: Sequence[str]) -> bool:
    return any(pattern.search(problem) for problem in _problems(log))


def _said(log: Sequence[str]) -> str:
    """FFmpeg's first complaint, but for those about our temporary files and about streams that aren't wanted."""
    said = (problem for problem in _problems(log) if "file:" not in problem and "not on whitelist" not in problem)
    return next(said, "no reason given").rstrip(".")
