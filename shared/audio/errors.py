"""What can be wrong with a recording, and with the machine that prepares it.

PermanentError
└── InvalidAudioError           the recording: says what is wrong with it and what to do
    ├── EmptyAudioError             0 bytes
    ├── UnreadableAudioError        not audio, or in none of the formats that are accepted
    ├── NoAudioStreamError          a video without sound, for example
    ├── ZeroLengthAudioError        too short to be transcribed
    ├── SilentAudioError            silence only
    ├── TruncatedAudioError         its end is missing
    ├── DamagedAudioError           too much of it can't be decoded
    ├── UnsupportedCodecError       the format is accepted, what is in it isn't
    ├── AudioTooLongError           more seconds than allowed
    ├── AudioTooLargeError          more bytes than allowed
    └── AudioTimeoutError           FFmpeg took longer than allowed
TransientError
├── NoDiskSpaceError            of the machine's temporary disk
└── FFmpegKilledError           by somebody else, such as a system short of memory

Each class has a `code` of its own, which is stable.
"""

from shared.errors import PermanentError, TransientError


class InvalidAudioError(PermanentError):
    """The recording can't be transcribed."""

    code = "audio_invalid"


class EmptyAudioError(InvalidAudioError):
    """The file is empty (0 bytes). Upload the recording again."""

    code = "audio_empty"


class UnreadableAudioError(InvalidAudioError):
    """The file is no audio or video in an accepted format."""

    code = "audio_unreadable"


class NoAudioStreamError(InvalidAudioError):
    """The file has no audio stream: it is a video without sound, for example. Send a recording with sound."""

    code = "audio_no_stream"


class ZeroLengthAudioError(InvalidAudioError):
    """The recording is too short."""

    code = "audio_zero_length"


class SilentAudioError(InvalidAudioError):
    """The recording is silent from beginning to end."""

    code = "audio_silent"


class TruncatedAudioError(InvalidAudioError):
    """The end of the file is missing."""

    code = "audio_truncated"


class DamagedAudioError(InvalidAudioError):
    """Too much of the recording can't be decoded."""

    code = "audio_damaged"


class UnsupportedCodecError(InvalidAudioError):
    """The recording is coded in a way that isn't supported."""

    code = "audio_codec_unsupported"


class AudioTooLongError(InvalidAudioError):
    """The recording is longer than allowed."""

    code = "audio_too_long"


class AudioTooLargeError(InvalidAudioError):
    """The file is larger than allowed."""

    code = "audio_too_large"


class AudioTimeoutError(InvalidAudioError):
    """FFmpeg took longer than allowed."""

    code = "audio_timeout"


class NoDiskSpaceError(TransientError):
    """The temporary disk of this machine has too little free space."""

    code = "no_disk_space"


class FFmpegKilledError(TransientError):
    """FFmpeg was killed by the system, perhaps for want of memory."""

    code = "ffmpeg_killed"
