"""What FFmpeg says of a file before decoding it. Read from its log, as ffprobe isn't always beside it.

The log quotes the file's own texts, such as titles, so only lines are believed that start as FFmpeg's do: metadata is
indented further, also where it holds line breaks.
"""

import re
from dataclasses import dataclass, field

_INPUT = re.compile(r"\[info\] Input #0, (\S+), from ")
_DURATION = re.compile(r"\[info\]   Duration: (\d+):(\d\d):(\d\d\.\d+)")
# [0x1] is the id of the stream in the file, (und) its language.
_STREAM = re.compile(r"\[info\](?: {3}| {5})Stream #0:(\d+)(?:\[0x[0-9a-f]+\])?(?:\([^)]*\))?: Audio: (\w+)(.*)")
_ESTIMATE = "Estimating duration from bitrate"
_NO_LENGTH = ("mpeg", "mpegts", "ogg")  # state none: FFmpeg takes it from timestamps, which may jump


@dataclass(frozen=True, slots=True)
class AudioStream:
    """One audio stream.

    Attributes:
        index: among all streams of the file.
        codec: FFmpeg's name of it; "none" where it knows none.
        default: whether the file names this one to be played.
    """

    index: int
    codec: str
    default: bool


@dataclass(slots=True)
class Probe:
    """Reads the log of `ffmpeg -i FILE`, line by line.

    Attributes:
        container: FFmpeg's name of the format; None where the file couldn't be opened.
        declared_s: length that the file itself states; None where FFmpeg only has a guess.
        streams: the audio streams.
    """

    container: str | None = None
    declared_s: float | None = None
    streams: list[AudioStream] = field(default_factory=list)
    _estimated: bool = field(default=False, init=False)

    def read(self, line: str) -> None:
        """Take in one line."""
        if _ESTIMATE in line and line.startswith("["):
            self._estimated = True
        elif match := _INPUT.match(line):
            self.container = match[1]
        elif match := _DURATION.match(line):
            if not self._estimated and self.container not in _NO_LENGTH:
                self.declared_s = int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
        elif match := _STREAM.match(line):
            self.streams.append(AudioStream(int(match[1]), match[2], "(default)" in match[3]))

    @property
    def stream(self) -> AudioStream | None:
        """The stream to transcribe: the default one, else the first."""
        return next((stream for stream in self.streams if stream.default), self.streams[0] if self.streams else None)
