"""The kinds of jobs, and where each lines up."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shared.audio.ffmpeg import find_ffmpeg
from shared.audio.prepare import AudioLimits
from shared.audio.source import AudioSources
from shared.config import DeploymentSettings, Settings
from shared.errors import ConfigurationError
from shared.jobs.audio import AudioJob
from shared.jobs.audio_analysis import AudioAnalysis
from shared.jobs.audio_prepare import prepare_audio
from shared.jobs.feedback import FeedbackJob
from shared.jobs.feedback_profile import FeedbackProfile
from shared.jobs.kinds import JobKind
from shared.jobs.lines import Line, RunLine
from shared.jobs.pending import PendingTable
from shared.jobs.quota_queue import QuotaQueue
from shared.jobs.reasoning import ReasoningJob
from shared.jobs.reasoning_limits import MIN_CALL_TOKENS, ReasoningLimits
from shared.jobs.reasoning_profile import ReasoningProfile
from shared.jobs.steps import StepJob, StepwiseKind
from shared.jobs.summary import Summariser
from shared.jobs.summary_profile import SummaryProfile
from shared.messaging.sender import MessageSender
from shared.model.tokens import DEFAULT_MODEL
from shared.quota.limits import Limits
from shared.storage.audio_files import AudioFiles
from shared.storage.azure import BlobContainer
from shared.storage.input_blobs import BlobInputReader

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobServiceClient

PAYLOAD_CONTAINER = "sluice-payloads"
CLAIM_CHECK_CONTAINER = "claim-checks"
TRANSCRIPT_CONTAINER = "audio-out"
SENT_CONTAINER = "audio-sent"
"""Where `sluice send audio FILE` puts recordings: not where a file starts a job by itself."""
LEAST_ANALYSIS_TPM = 10_000
"""With less, half a minute has no room for a part of a transcript and its summary."""

_SETTINGS = {
    "chat": "AZURE_OPENAI_DEPLOYMENT_NAME",
    "reasoner": "AZURE_OPENAI_DEPLOYMENT_NAME",
    "transcription": "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT_NAME",
}


def deployments(settings: Settings) -> dict[str, DeploymentSettings]:
    """The deployments that are set, by name.

    Raises:
        ConfigurationError: two of them have one name but aren't the same, so that they would share a token counter.
    """
    found: dict[str, DeploymentSettings] = {}
    for role in _SETTINGS:
        deployment: DeploymentSettings = getattr(settings, role)
        name = deployment.openai.deployment
        if name and found.setdefault(name, deployment) != deployment:
            raise ConfigurationError(
                f"Two deployments are called {name}, with different settings. Give the one of the setting "
                f"{_SETTINGS[role]} another name.",
                field=_SETTINGS[role],
            )
    return found


def limits_of(deployment: DeploymentSettings) -> Limits:
    """The quota that the settings reserve."""
    quota = deployment.quota
    return Limits(quota.tpm, quota.rpm, quota.request_window_s, quota.guard_s)


def quota_queues(settings: Settings, pending: PendingTable) -> dict[str, QuotaQueue]:
    """Where calls wait for quota: by the role of the deployment in the settings."""
    return {
        role: QuotaQueue(pending, found.openai.deployment, limits_of(found), setting)
        for role, setting in _SETTINGS.items()
        for found in (getattr(settings, role),)
    }


def feedback_kind(settings: Settings) -> FeedbackJob:
    """Feedback jobs.

    Raises:
        ConfigurationError: the feedback profile is wrong.
    """
    profile = FeedbackProfile.load(settings.feedback_profile)
    return FeedbackJob(profile, settings.feedback, settings.max_text_chars, base_model(settings.chat))


def stepwise_kinds(settings: Settings, blobs: "BlobServiceClient", feedback: FeedbackJob) -> dict[str, StepwiseKind]:
    """Kinds of jobs that take several calls.

    Raises:
        ConfigurationError: a profile is wrong.
    """
    kinds: list[StepwiseKind] = [_reasoning(settings, blobs), _audio(settings, blobs, feedback)]
    return {kind.name: kind for kind in kinds}


def _reasoning(settings: Settings, blobs: "BlobServiceClient") -> ReasoningJob:
    bounds = settings.reasoning_limits
    # Half of a minute, so that one job's call can't keep all others waiting.
    share = max(MIN_CALL_TOKENS, settings.reasoner.quota.tpm // 2)
    limits = ReasoningLimits(
        context_tokens=bounds.context_tokens,
        quota_tokens=min(bounds.call_tokens, share),
        default_max_tokens=bounds.max_tokens,
        samples=bounds.max_samples,
        input_chars=bounds.max_input_chars,
    )
    return ReasoningJob(
        ReasoningProfile.load(bounds.profile),
        settings.reasoning,
        settings.reasoner.openai.deployment or "",
        base_model(settings.reasoner),
        limits,
        BlobInputReader(blobs, bounds.containers, 4 * bounds.max_input_chars),
    )


def audio_files(settings: Settings, blobs: "BlobServiceClient") -> AudioFiles:
    """Fetches the recordings that jobs name."""
    return AudioFiles(blobs, _audio_sources(settings, blobs), settings.media.max_bytes)


def _audio_sources(settings: Settings, blobs: "BlobServiceClient") -> AudioSources:
    reserved = (PAYLOAD_CONTAINER, CLAIM_CHECK_CONTAINER, TRANSCRIPT_CONTAINER)
    return AudioSources(blobs.url, settings.audio_containers, settings.audio_hosts, reserved)


def _audio(settings: Settings, blobs: "BlobServiceClient", feedback: FeedbackJob) -> AudioJob:
    sources = _audio_sources(settings, blobs)
    chunks = BlobContainer(blobs, PAYLOAD_CONTAINER)
    media = settings.media
    files = audio_files(settings, blobs)

    async def cut(job: StepJob) -> dict[str, Any]:
        ffmpeg = find_ffmpeg(media.ffmpeg_path)
        return await prepare_audio(job, files=files, chunks=chunks, ffmpeg=ffmpeg, limits=AudioLimits.of(media))

    return AudioJob(
        settings.audio,
        settings.transcription.openai.deployment or "",
        sources,
        chunks,
        BlobContainer(blobs, TRANSCRIPT_CONTAINER),
        cut,
        _analysis(settings, feedback),
    )


def _analysis(settings: Settings, feedback: FeedbackJob) -> AudioAnalysis | None:
    """What can be made of transcripts; None where there is no chat deployment with room for it."""
    chat = settings.chat
    if not chat.openai.deployment or chat.quota.tpm < LEAST_ANALYSIS_TPM:
        return None
    name = chat.openai.deployment
    summariser = Summariser(SummaryProfile.load(settings.summary_profile), name, base_model(chat), chat.quota.tpm // 2)
    return AudioAnalysis(feedback, summariser, name, settings.max_text_chars)


def lines_of(
    single: Mapping[str, JobKind],
    stepwise: Mapping[str, StepwiseKind],
    queues: Mapping[str, QuotaQueue],
    sender: MessageSender,
) -> dict[str, Line]:
    """Where jobs of each kind line up."""
    roles = {"reasoning": "reasoner", "audio": "transcription"}
    return {
        **dict.fromkeys(single, queues["chat"]),
        **{name: RunLine(sender, kind.queues.run, queues[roles[name]]) for name, kind in stepwise.items()},
    }


def base_model(deployment: DeploymentSettings) -> str:
    """By which tokens are counted."""
    return deployment.openai.base_model or deployment.openai.deployment or DEFAULT_MODEL
