"""An audio job on real storage, with real FFmpeg and a model server, driven in this process without queues."""

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from azure.storage.blob.aio import BlobServiceClient

from shared.audio.prepare import AudioLimits
from shared.audio.source import AudioSources
from shared.config import Connection, Queues
from shared.jobs.audio import AudioJob
from shared.jobs.audio_analysis import AudioAnalysis
from shared.jobs.audio_prepare import prepare_audio
from shared.jobs.feedback import FeedbackJob
from shared.jobs.feedback_profile import FeedbackProfile
from shared.jobs.steps import StepJob
from shared.jobs.summary import Summariser
from shared.jobs.summary_profile import SummaryProfile
from shared.model.azure_openai import AzureOpenAIService
from shared.model.client import Completion, Transcription
from shared.storage.audio_files import AudioFiles
from shared.storage.azure import BlobContainer, blob_service
from tests.support.azurite import Azurite
from tests.support.media import ffmpeg
from tests.support.model import ModelServer
from tests.support.step_driver import Driven, drive

QUEUES = Queues("audio-in", "audio-run", "audio-out")


class Deployments:
    """A ModelService with a deployment for each kind of call, as the steps of a job get them.

    Attributes:
        most_at_once: how many transcriptions were under way at the same time.
    """

    def __init__(self, service: AzureOpenAIService) -> None:
        self.most_at_once = 0
        self._service = service
        self._under_way = 0

    async def chat_completion(self, messages: Any, model: str | None = None, **options: Any) -> Completion:
        return await self._service.chat_completion(messages, model or "chat", **options)

    async def transcribe(
        self, audio: bytes, filename: str, *, model: str | None = None, **options: Any
    ) -> Transcription:
        self._under_way += 1
        self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            return await self._service.transcribe(audio, filename, model=model or "whisper", **options)
        finally:
            self._under_way -= 1


class AudioWorld:
    """Attributes:

    job: the kind of job.
    folder: where recordings are prepared.
    """

    def __init__(
        self, service: BlobServiceClient, model: AzureOpenAIService, limits: AudioLimits, folder: Path
    ) -> None:
        name = secrets.token_hex(4)
        self.service = service
        self.inbox, self.outbox = f"audio-in-{name}", f"audio-out-{name}"
        self.folder = folder
        self._limits = limits
        self._model = Deployments(model)
        self._chunks = BlobContainer(service, f"payloads-{name}")
        sources = AudioSources(service.url, [self.inbox])
        self._files = AudioFiles(service, sources, limits.max_bytes)
        feedback = FeedbackJob(FeedbackProfile.load(), QUEUES, 20_000)
        analysis = AudioAnalysis(feedback, Summariser(SummaryProfile.load(), "chat"), "chat", 20_000)
        files = BlobContainer(service, self.outbox)
        self.job = AudioJob(QUEUES, "whisper", sources, self._chunks, files, self._cut, analysis)

    @property
    def most_at_once(self) -> int:
        """How many transcriptions were under way at the same time."""
        return self._model.most_at_once

    async def upload(self, path: Path) -> str:
        """Put a recording into the inbox. Returns its reference."""
        container = self.service.get_container_client(self.inbox)
        if not await container.exists():
            await container.create_container()
        with path.open("rb") as file:
            await container.upload_blob(path.name, file, overwrite=True)
        return f"{self.inbox}/{path.name}"

    async def prepare(self, reference: str, limits: AudioLimits | None = None) -> dict[str, Any]:
        """What audio-prepare does. Returns the manifest as it is kept."""
        self._limits = limits or self._limits
        request = self.job.decode(json.dumps({"audio": reference}).encode())
        kept: dict[str, Any] = json.loads(json.dumps(await self.job.prepare(StepJob("job-1", request, "audio/job-1"))))
        return kept

    async def _cut(self, job: StepJob) -> dict[str, Any]:
        return await prepare_audio(
            job, files=self._files, chunks=self._chunks, ffmpeg=ffmpeg(), limits=self._limits, root=self.folder
        )

    async def run(self, reference: str, manifest: dict[str, Any], **request: Any) -> Driven:
        """All rounds, and the result."""
        body = json.dumps({"audio": reference, **request}).encode()
        return await drive(self.job, body, self._model, outputs={"prepare": manifest})

    async def file(self, name: str) -> tuple[str, str]:
        """Text and content type of a file that a result names."""
        container, _, blob = name.partition("/")
        stream = await self.service.get_blob_client(container, blob).download_blob()
        return (await stream.readall()).decode(), str(stream.properties.content_settings.content_type)

    async def chunks_left(self) -> list[str]:
        """Names of chunks that nobody has removed."""
        found, _ = await self._chunks.find("audio/")
        return [blob.name for blob in found]


@asynccontextmanager
async def audio_world(
    azurite: Azurite, server: ModelServer, folder: Path, limits: AudioLimits
) -> AsyncIterator[AudioWorld]:
    """A world, and its clients closed in the end."""
    async with (
        blob_service(Connection(azurite.connection_string)) as service,
        AzureOpenAIService(endpoint=server.url, api_key="any", timeout_s=120, transcription_timeout_s=600) as model,
    ):
        yield AudioWorld(service, model, limits, folder)
