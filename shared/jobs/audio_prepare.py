"""The first part of an audio job, before its rounds: the recording is fetched, checked, cut, and its chunks are stored.

It takes minutes of FFmpeg's time, so it runs in a function of its own.
"""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

from shared.audio.prepare import AudioLimits, Chunk, prepare
from shared.audio.workspace import workspace
from shared.jobs.audio_manifest import ChunkBlob, Manifest
from shared.jobs.audio_request import AudioRequest
from shared.jobs.steps import StepJob
from shared.storage.audio_files import AudioFiles
from shared.storage.payloads import BlobStore
from shared.telemetry.tracing import trace


@trace("prepare recording")
async def prepare_audio(
    job: StepJob, *, files: AudioFiles, chunks: BlobStore, ffmpeg: Path, limits: AudioLimits, root: Path | None = None
) -> dict[str, Any]:
    """Prepare the recording of a job. May be done again: chunks are called by their content.

    Args:
        files: fetches the recording.
        chunks: the app's own container.
        ffmpeg: see find_ffmpeg.
        root: of temporary folders; None means the system's.

    Returns:
        The manifest, to be kept as the output of the step `prepare` (audio_manifest.py).

    Raises:
        AudioNotAllowedError, MissingAudioError, InvalidAudioError, ConfigurationError: the job fails for this reason.
        TransientError: a later attempt may succeed.
    """
    request: AudioRequest = job.request
    # How much disk it takes is only known on the way, and looked at there.
    async with workspace(0, root) as folder:
        source = folder / "source"
        found = await files.fetch(request.audio, source)
        prepared = await prepare(source, folder, ffmpeg, limits)
        stored = [await _store(chunk, f"{job.prefix}/audio", chunks) for chunk in prepared.chunks]
    return Manifest(prepared.duration_s, prepared.codec, prepared.container, tuple(stored), found).as_dict()


async def _store(chunk: Chunk, prefix: str, chunks: BlobStore) -> ChunkBlob:
    """One after the other: a chunk has up to 25 MB, and no more than one is in memory."""
    data = await asyncio.to_thread(chunk.path.read_bytes)
    digest = (await asyncio.to_thread(hashlib.sha256, data)).hexdigest()
    blob = f"{prefix}/{chunk.index:04}-{digest[:16]}.flac"
    await chunks.write(blob, data)
    return ChunkBlob(chunk.index, chunk.start_s, chunk.end_s, chunk.overlap_s, blob, len(data), digest)
