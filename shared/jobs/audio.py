"""Audio jobs: a recording -> its transcript in several formats, and what is made of it.

The function audio-prepare has cut the recording into chunks before the first round (audio_prepare.py). Then:

    round 1        transcribe-0001, ...   one call of the transcription deployment for each chunk, side by side
    more rounds    summary..., feedback   where an analysis is wanted (audio_analysis.py)
    finish         the transcript is merged and written to files; the chunks are removed

Chunks are heard side by side, so that none is told how the one before ended: all are given the job's own prompt. A
recording without a word is no failure, as long as it isn't silent: its transcript is empty, and nothing is analysed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from shared.audio.source import AudioSources
from shared.audio.subtitles import to_srt, to_vtt
from shared.audio.transcript import Transcript, segments_as_dicts
from shared.config import Queues
from shared.errors import InvalidMessageError, PermanentError
from shared.jobs.audio_analysis import AudioAnalysis
from shared.jobs.audio_estimate import analysis_needs
from shared.jobs.audio_manifest import PREPARE_STEP, Manifest
from shared.jobs.audio_request import AudioRequest
from shared.jobs.audio_transcription import is_transcription, transcribe, transcript_of, transcription_steps
from shared.jobs.call_needs import NeedsRange
from shared.jobs.kinds import Draft
from shared.jobs.steps import Outputs, Round, Step, StepJob
from shared.jobs.summary import Plan
from shared.messages import to_json
from shared.model.client import ModelService
from shared.storage.payloads import BlobStore

MAX_INLINE_BYTES = 100_000
"""More of the text, or of the segments, than this is in the files only, which the result names."""


class TranscriptContainer(Protocol):
    """Where the files go."""

    name: str

    async def write(self, name: str, data: bytes, content_type: str | None = None) -> None: ...


class AudioJob:
    """Implements StepwiseKind.

    Args:
        deployment: of a transcription model.
        sources: which recordings may be read.
        chunks: the container that audio-prepare writes to.
        files: the container for transcripts.
        cut: fetches a job's recording, cuts it and stores the chunks (audio_prepare.py).
        analysis: None where the app has no chat deployment; jobs that want an analysis are then refused.
        max_inline_bytes: of the text, and of the segments, in the result.
    """

    name = "audio"

    def __init__(
        self,
        queues: Queues,
        deployment: str,
        sources: AudioSources,
        chunks: BlobStore,
        files: TranscriptContainer,
        cut: Callable[[StepJob], Awaitable[dict[str, Any]]],
        analysis: AudioAnalysis | None = None,
        max_inline_bytes: int = MAX_INLINE_BYTES,
    ) -> None:
        self.queues = queues
        self.deployment = deployment
        self._sources = sources
        self._chunks = chunks
        self._files = files
        self._cut = cut
        self._analysis = analysis
        self._max_inline_bytes = max_inline_bytes

    def decode(self, body: bytes) -> AudioRequest:
        """See StepwiseKind. An InvalidMessageError may be an AudioNotAllowedError."""
        request = AudioRequest.decode(body)
        self._sources.find(request.audio)
        if request.analyse != "none" and self._analysis is None:
            raise InvalidMessageError(
                "The field analyse asks for an analysis, for which this app has no chat deployment.", field="analyse"
            )
        return request

    def estimate(self, request: AudioRequest) -> int:  # noqa: ARG002 - they are all alike
        """See StepwiseKind. A transcription takes a request and no tokens."""
        return 1

    def analysis_needs(self, request: AudioRequest, duration_s: float) -> NeedsRange:
        """What the analysis of a recording of this length will need, at most by so much speech as people speak."""
        if request.analyse == "none" or self._analysis is None:
            return NeedsRange()
        return analysis_needs(self._analysis, request.analyse, duration_s)

    async def prepare(self, job: StepJob) -> dict[str, Any]:
        """See StepwiseKind. The recording becomes chunks."""
        return await self._cut(job)

    async def next_round(self, job: StepJob, outputs: Outputs) -> Round:
        """See StepwiseKind."""
        steps = transcription_steps(outputs)
        missing = tuple(step for step in steps if step.name not in outputs)
        if missing:
            analysed = job.request.analyse != "none"
            return Round(missing, len(steps) - len(missing), len(steps) + analysed)
        needs = (PREPARE_STEP, *(step.name for step in steps))
        plan = await asyncio.to_thread(self._plan, job.request, needs, outputs)
        return Round(plan.steps, len(steps) + plan.done, len(steps) + plan.total)

    async def run_step(
        self, job: StepJob, step: Step, outputs: Outputs, *, model: ModelService, draft: Draft | None = None
    ) -> dict[str, Any]:
        """See StepwiseKind."""
        if is_transcription(step):
            return await transcribe(job.request, step, outputs, self._chunks, model)
        transcript = Transcript((), 0.0)
        if PREPARE_STEP in step.needs:
            transcript = await asyncio.to_thread(transcript_of, job.request, outputs)
        return await self._analyses.run_step(step, transcript, outputs, model=model, draft=draft)

    async def finish(self, job: StepJob, outputs: Outputs) -> dict[str, Any]:
        """See StepwiseKind. Writes the files and removes the chunks; both may be done again."""
        request: AudioRequest = job.request
        chunks = Manifest.of(outputs).chunks
        transcript = await asyncio.to_thread(transcript_of, request, outputs)
        files = await self._write(job, transcript)
        for chunk in chunks:
            await self._chunks.remove(chunk.blob)
        echo = {"audio_id": request.audio_id, "metadata": request.metadata}
        segments = segments_as_dicts(transcript.segments)
        return {
            **{name: value for name, value in echo.items() if value is not None},
            **self._inline("text", transcript.text, files["txt"]),
            "language": transcript.language,
            "duration_s": round(transcript.duration_s, 3),
            **(self._inline("segments", segments, files["json"]) if request.timestamps else {}),
            "files": files,
            "chunks": len(chunks),
            **self._analysed(request, transcript, outputs),
        }

    @property
    def _analyses(self) -> AudioAnalysis:
        if self._analysis is None:  # there was one when the job came in
            raise PermanentError("This app has no chat deployment for an analysis any more.")
        return self._analysis

    def _plan(self, request: AudioRequest, needs: tuple[str, ...], outputs: Outputs) -> Plan:
        if request.analyse == "none":
            return Plan((), 0, 0)
        transcript = transcript_of(request, outputs)
        if not transcript.segments:
            return Plan((), 0, 0)
        return self._analyses.plan(request.analyse, transcript, needs, outputs)

    def _analysed(self, request: AudioRequest, transcript: Transcript, outputs: Outputs) -> dict[str, Any]:
        if request.analyse == "none":
            return {}
        if not transcript.segments:
            return {"analysis": None, "analysis_skipped": "no_speech"}
        return {"analysis": self._analyses.result(request.analyse, outputs)}

    def _inline(self, name: str, value: Any, file: str) -> dict[str, Any]:
        """The value, or where it is if it is too large for a message."""
        fits = len(to_json(value).encode()) <= self._max_inline_bytes
        return {name: value} if fits else {f"{name}_blob": file}

    async def _write(self, job: StepJob, transcript: Transcript) -> dict[str, str]:
        """Write the transcript in all formats. Returns container and name of each, by its ending."""
        formats = {
            "json": ("application/json", transcript.to_json()),
            "txt": ("text/plain; charset=utf-8", transcript.to_text()),
            "srt": ("application/x-subrip; charset=utf-8", to_srt(transcript.segments)),
            "vtt": ("text/vtt; charset=utf-8", to_vtt(transcript.segments)),
        }
        files = {}
        for ending, (content_type, text) in formats.items():
            name = f"{job.prefix}/transcript.{ending}"
            await self._files.write(name, text.encode(), content_type)
            files[ending] = f"{self._files.name}/{name}"
        return files
