"""From a file of any kind to chunks that a transcription endpoint takes.

FFmpeg runs once to look at the file, once to decode it (into 16 kHz mono, measuring loudness and pauses on the way) and
once for each chunk (cut out of that, brought to a common loudness). The gain is one for the whole recording, as in
loudnorm's second pass: the seams show no step, and it takes a seventh of the time of loudnorm's single pass, which
works at 192 kHz.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.audio import commands
from shared.audio.commands import RATE_HZ
from shared.audio.cuts import Cut, plan_cuts
from shared.audio.errors import (
    AudioTimeoutError,
    AudioTooLargeError,
    AudioTooLongError,
    EmptyAudioError,
    NoAudioStreamError,
    SilentAudioError,
    ZeroLengthAudioError,
)
from shared.audio.ffmpeg import FFmpegTimeoutError, Finished, LineReader, run_ffmpeg
from shared.audio.flac import flac_duration_s
from shared.audio.levels import Levels
from shared.audio.probe import AudioStream, Probe
from shared.audio.truncation import ends_early, log_says_cut, states_more
from shared.audio.verdict import decode_failure, machine_failure, open_failure, truncated, unsupported
from shared.audio.workspace import check_space, disk_errors
from shared.config import AudioSettings

# Whisper's limit at Azure OpenAI: "Azure OpenAI in Azure AI Foundry Models quotas and limits".
MAX_CHUNK_BYTES = 25 * 1024 * 1024

# The endpoint refuses less: "Minimum audio length is 0.1 seconds" (audio_too_short).
_SHORTEST_S = 0.1
_TARGET_LUFS = -23.0  # EBU R 128
# FLAC of noise is as large as its samples, some bytes per frame and the metadata (RFC 9639).
_BYTES_PER_S = RATE_HZ * 2 * 1.01
_METADATA_BYTES = 16 * 1024
# What FLAC usually takes: 13 to 18 KB/s of speech. Twice: the whole, and the chunks.
_DISK_BYTES_PER_S = 2 * 20_000


@dataclass(frozen=True, slots=True)
class AudioLimits:
    """What is accepted, and how it is cut. See shared.config.AudioSettings.

    Attributes:
        timeout_s: for all of FFmpeg's work on one file.
        max_chunk_bytes: largest chunk.
    """

    max_bytes: int
    max_duration_s: float
    chunk_s: float
    overlap_s: float
    timeout_s: float
    max_chunk_bytes: int = MAX_CHUNK_BYTES

    @classmethod
    def of(cls, settings: AudioSettings) -> "AudioLimits":
        """The limits as set."""
        return cls(
            settings.max_bytes, settings.max_duration_s, settings.chunk_s, settings.overlap_s, settings.timeout_s
        )

    @property
    def longest_chunk_s(self) -> float:
        """The longest chunk that is within both limits, whatever is in it."""
        return min(self.chunk_s, (self.max_chunk_bytes - _METADATA_BYTES) / _BYTES_PER_S)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of the recording: a FLAC file, 16 kHz mono.

    Attributes:
        index: from 0.
        start_s, end_s: seconds of the whole.
        overlap_s: how much of its beginning repeats the end of the chunk before; 0 where they meet in a pause.
        size: bytes.
    """

    index: int
    start_s: float
    end_s: float
    overlap_s: float
    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A recording that is ready to be transcribed.

    Attributes:
        duration_s: of what was decoded.
        codec, container: as FFmpeg names them.
        chunks: in order; they cover the whole.
    """

    duration_s: float
    codec: str
    container: str
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class _Decoded:
    path: Path
    duration_s: float
    levels: Levels


async def prepare(source: Path, folder: Path, ffmpeg: Path, limits: AudioLimits) -> Prepared:
    """Check a recording, normalise it and cut it into chunks.

    Args:
        source: any file; its name says nothing.
        folder: where the chunks are written. Needs about 40 KB for each second of the recording, half of which is free
            again at the end. After an error, nothing of ours is left in it.
        ffmpeg: see find_ffmpeg().

    Raises:
        InvalidAudioError: the recording is at fault; its class and code say what with.
        NoDiskSpaceError, FFmpegKilledError, TransientError: the machine is, now.
        ConfigurationError: FFmpeg can't be started, or is too old.
        OSError: the source can't be read.
    """
    with _preparation(source, folder, ffmpeg, limits) as preparation:
        try:
            return await preparation.run()
        except BaseException:
            preparation.remove_chunks()
            raise


async def measure(source: Path, folder: Path, ffmpeg: Path, limits: AudioLimits) -> float:
    """How long a recording is, in seconds: as it states itself; it is decoded only where it states nothing.

    Args and errors are those of prepare(), as far as they show before a recording is decoded.
    """
    with _preparation(source, folder, ffmpeg, limits) as preparation:
        return await preparation.measure()


@contextmanager
def _preparation(source: Path, folder: Path, ffmpeg: Path, limits: AudioLimits) -> Iterator["_Preparation"]:
    with disk_errors():
        work = Path(tempfile.mkdtemp(prefix=".work-", dir=folder))
    try:
        yield _Preparation(source, folder, work, ffmpeg, limits)
    finally:
        shutil.rmtree(work, ignore_errors=True)


class _Preparation:
    """One call of prepare()."""

    def __init__(self, source: Path, folder: Path, work: Path, ffmpeg: Path, limits: AudioLimits) -> None:
        self._source = source
        self._folder = folder
        self._work = work
        self._ffmpeg = ffmpeg
        self._begun: list[Path] = []
        self._limits = limits
        self._deadline_s = asyncio.get_running_loop().time() + limits.timeout_s

    async def run(self) -> Prepared:
        await asyncio.to_thread(self._check_file)
        probe, stream = await self._probe()
        decoded = await self._decode(probe, stream)
        limits = self._limits
        cuts = plan_cuts(decoded.duration_s, decoded.levels.pauses(), limits.longest_chunk_s, limits.overlap_s)
        chunks = [await self._write(i, cut, decoded) for i, cut in enumerate(cuts)]
        return Prepared(decoded.duration_s, stream.codec, probe.container or "", tuple(chunks))

    async def measure(self) -> float:
        await asyncio.to_thread(self._check_file)
        probe, stream = await self._probe()
        return (await self._decode(probe, stream)).duration_s if probe.declared_s is None else probe.declared_s

    def remove_chunks(self) -> None:
        for path in self._begun:
            path.unlink(missing_ok=True)

    def _check_file(self) -> None:
        size = self._source.stat().st_size
        if size == 0:
            raise EmptyAudioError
        if size > self._limits.max_bytes:
            raise AudioTooLargeError(
                f"The file has {size / 1e6:,.1f} MB; {self._limits.max_bytes / 1e6:,.1f} MB are allowed "
                "(AUDIO_MAX_BYTES). Send it in parts, or coded with fewer bits, such as mp3 or opus."
            )
        if ends_early(self._source):
            raise truncated()
        # FFmpeg guesses by the name where the content says nothing: the link has none to guess by.
        with disk_errors():
            self._link.symlink_to(self._source.absolute())

    @property
    def _link(self) -> Path:
        return self._work / "source"

    async def _probe(self) -> tuple[Probe, AudioStream]:
        probe = Probe()
        finished = await self._run(commands.look_at(self._link), on_log=probe.read)
        if probe.container is None:
            raise machine_failure(finished, self._ffmpeg) or open_failure(finished.log)
        stream = probe.stream
        if stream is None:
            raise NoAudioStreamError
        if error := unsupported(stream.codec):
            raise error
        if probe.declared_s is not None:
            self._check_duration(probe.declared_s)
            await asyncio.to_thread(check_space, self._folder, round(probe.declared_s * _DISK_BYTES_PER_S))
        return probe, stream

    def _check_duration(self, duration_s: float) -> None:
        if duration_s > self._limits.max_duration_s:
            raise AudioTooLongError(
                f"The recording is longer than {self._limits.max_duration_s:,.0f} s, which is all that is allowed "
                "(AUDIO_MAX_DURATION_S). Send it in parts."
            )

    async def _decode(self, probe: Probe, stream: AudioStream) -> _Decoded:
        whole = self._work / "whole.flac"
        levels = Levels()
        longest_s = self._limits.max_duration_s + 1  # shows what is too long
        arguments = commands.decode(self._link, stream.index, longest_s, whole)
        finished = await self._run(arguments, on_output=levels.read_output, on_log=levels.read_log)
        duration_s = await asyncio.to_thread(flac_duration_s, whole)
        if finished.returncode != 0:
            raise machine_failure(finished, self._ffmpeg) or decode_failure(finished, stream.codec, duration_s)
        self._check_duration(duration_s)
        if log_says_cut(finished.log) or states_more(probe.container or "", probe.declared_s, duration_s):
            raise truncated(duration_s)
        if duration_s < _SHORTEST_S:
            raise ZeroLengthAudioError(
                f"The recording has {duration_s:.2f} s of sound; at least {_SHORTEST_S} s are needed."
            )
        if levels.silent:
            raise SilentAudioError(
                f"All {duration_s:.1f} s of the recording are silent. Check which microphone or channel was recorded."
            )
        return _Decoded(whole, duration_s, levels)

    async def _write(self, index: int, cut: Cut, whole: _Decoded) -> Chunk:
        loudness = whole.levels.loudness_lufs
        gain_db = 0.0 if loudness is None else _TARGET_LUFS - loudness
        path = self._folder / f"chunk-{index:04}.flac"
        self._begun.append(path)
        finished = await self._run(commands.cut(whole.path, cut.start_s, cut.end_s, gain_db, path))
        if finished.returncode != 0:
            failure = machine_failure(finished, self._ffmpeg)
            raise failure or RuntimeError("FFmpeg could not cut its own file: " + " / ".join(finished.log[-5:]))
        size = (await asyncio.to_thread(path.stat)).st_size
        return Chunk(index, cut.start_s, cut.end_s, cut.overlap_s, path, size)

    async def _run(
        self, arguments: list[str], *, on_output: LineReader | None = None, on_log: LineReader | None = None
    ) -> Finished:
        left_s = max(0.0, self._deadline_s - asyncio.get_running_loop().time())
        try:
            return await run_ffmpeg(self._ffmpeg, arguments, left_s, on_output=on_output, on_log=on_log)
        except FFmpegTimeoutError:
            raise AudioTimeoutError(
                f"FFmpeg did not finish within {self._limits.timeout_s:,.0f} s (AUDIO_FFMPEG_TIMEOUT_S). Send the "
                "recording in parts, or only its sound where it is a video; or allow more time."
            ) from None
