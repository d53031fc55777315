"""The transcription of chunks, and what is heard in all of them together."""

import asyncio
import hashlib
from collections import Counter
from typing import Any

from shared.audio.languages import language_code
from shared.audio.seams import HeardChunk, merge
from shared.audio.transcript import Segment, Transcript
from shared.errors import InvalidMessageError, PermanentError
from shared.jobs.audio_manifest import PREPARE_STEP, ChunkBlob, Manifest
from shared.jobs.audio_request import AudioRequest
from shared.jobs.steps import Outputs, Step
from shared.model.client import TranscriptionClient
from shared.storage.payloads import BlobStore

_NAME = "transcribe-"


class LostChunkError(PermanentError):
    """A part of the prepared recording is gone, or isn't what was prepared. Replay the job: it is prepared again."""

    code = "audio_chunk_lost"


def transcription_steps(outputs: Outputs) -> list[Step]:
    """One for each chunk. They cost a request each, no tokens: Whisper's quota is one of requests."""
    count = len(Manifest.of(outputs).chunks)
    return [
        Step(f"{_NAME}{number:04}", f"transcribing part {number} of {count}", 1, (PREPARE_STEP,))
        for number in range(1, count + 1)
    ]


def is_transcription(step: Step) -> bool:
    """Whether it is one of these."""
    return step.name.startswith(_NAME)


async def transcribe(
    request: AudioRequest, step: Step, outputs: Outputs, chunks: BlobStore, model: TranscriptionClient
) -> dict[str, Any]:
    """Make the call of a step.

    Returns:
        What was heard, to keep: text, segments (start and end in seconds of the chunk, text), language, model.

    Raises:
        LostChunkError: see there.
        SluiceError: see StepwiseKind.
    """
    chunk = Manifest.of(outputs).chunks[int(step.name.removeprefix(_NAME)) - 1]
    audio = await _read(chunks, chunk)
    heard = await model.transcribe(
        audio, f"{chunk.index:04}.flac", model=step.deployment, language=request.language, prompt=request.prompt
    )
    return {
        "text": heard.text,
        "segments": [[s.start_s, s.end_s, s.text] for s in heard.segments],
        "language": heard.language,
        "model": heard.model,
    }


def transcript_of(request: AudioRequest, outputs: Outputs) -> Transcript:
    """What was said in the whole recording.

    Args:
        outputs: of audio-prepare and of all transcriptions.
    """
    manifest = Manifest.of(outputs)
    kept = [outputs[step.name] for step in transcription_steps(outputs)]
    segments = merge(
        HeardChunk(chunk.start_s, chunk.end_s, [Segment(*values) for values in heard["segments"]], heard["text"])
        for chunk, heard in zip(manifest.chunks, kept, strict=True)
    )
    return Transcript(segments, manifest.duration_s, request.language or _language(kept))


async def _read(chunks: BlobStore, chunk: ChunkBlob) -> bytes:
    try:
        audio = await chunks.read(chunk.blob, max_bytes=chunk.size)
    except InvalidMessageError:
        raise LostChunkError from None
    if (await asyncio.to_thread(hashlib.sha256, audio)).hexdigest() != chunk.sha256:
        raise LostChunkError
    return audio


def _language(kept: list[dict[str, Any]]) -> str | None:
    """The one that most of the text is in. Of silence, too, models say that it is English."""
    heard: Counter[str] = Counter()
    for output in kept:
        if (code := language_code(output["language"])) and output["text"].strip():
            heard[code] += len(output["text"])
    return max(heard, key=lambda code: heard[code], default=None)
