"""Settings: read once, from the environment, here and nowhere else.

Names of the source documents (SERVICE_BUS_NAMESPACE, FEEDBACK_FORM_IN_QUEUE, ...) are accepted beside our own.
Local and cloud differ by these values only.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.config_reader import Connection as Connection  # part of the settings' own types
from shared.config_reader import Reader

DEFAULT_API_VERSION = "2024-10-21"  # the newest GA data-plane version of Azure OpenAI before the v1 path


@dataclass(frozen=True, slots=True)
class Queues:
    """The Service Bus queues of one kind of job."""

    inbox: str
    run: str
    outbox: str


@dataclass(frozen=True, slots=True)
class OpenAISettings:
    """The Azure OpenAI resource. Endpoint and deployment may be missing where no model is called.

    Attributes:
        base_model: what the deployment serves, where its name doesn't say so.
        api_key: None means managed identity.
    """

    endpoint: str | None
    api_version: str
    deployment: str | None
    base_model: str | None
    timeout_s: float
    api_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class QuotaSettings:
    """What of the deployment's quota is reserved to this app, and how it is shared out.

    Attributes:
        tpm: tokens per minute.
        rpm: requests per minute.
        request_window_s: over which the endpoint counts requests.
        guard_s: room between bookings and the endpoint's windows.
        weights: shares of apps; 1 for those not named.
    """

    tpm: int
    rpm: int
    request_window_s: float
    guard_s: float
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How long jobs that have ended are kept.

    Attributes:
        days: after the end; 0 keeps them for ever.
        minutes: longest run of one night's purge; it goes on the next night.
    """

    days: int
    minutes: float


@dataclass(frozen=True, slots=True)
class AudioSettings:
    """What recordings are accepted, and how they are cut.

    Attributes:
        ffmpeg_path: the executable; None where it is to be looked for.
        max_bytes: largest file.
        max_duration_s: longest recording.
        chunk_s: longest chunk; 25 MB hold 819 s of 16 kHz mono in the worst case.
        overlap_s: how much two chunks share where there is no pause between them.
        timeout_s: for all of FFmpeg's work on one file.
    """

    ffmpeg_path: str | None
    max_bytes: int
    max_duration_s: float
    chunk_s: float
    overlap_s: float
    timeout_s: float


@dataclass(frozen=True, slots=True)
class AppAccess:
    """How the command reaches the running app.

    Attributes:
        url: such as "https://NAME.azurewebsites.net"; None where none is set.
        function_key: where its endpoints ask for a key.
        resource_uri: audience of an Entra token, where they ask for that.
    """

    url: str | None
    function_key: str | None = field(default=None, repr=False)
    resource_uri: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set. docs/configuration.md lists the names, defaults and effects."""

    blobs: Connection
    tables: Connection
    service_bus: Connection
    feedback: Queues
    openai: OpenAISettings
    quota: QuotaSettings
    retention: RetentionSettings
    audio: AudioSettings
    app: AppAccess
    feedback_profile: Path | None
    max_text_chars: int
    max_body_bytes: int
    max_attempts: int
    max_throttles: int
    app_id: str

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """Read and check the settings.

        Raises:
            ConfigurationError: names the setting that is missing or wrong, and what to set.
        """
        reader = Reader(os.environ if env is None else env)
        profile = reader.text("FEEDBACK_PROFILE")
        return cls(
            blobs=reader.storage("blob"),
            tables=reader.storage("table"),
            service_bus=reader.service_bus(),
            feedback=feedback_queues(env),
            openai=openai_settings(env),
            quota=_quota(reader),
            retention=RetentionSettings(
                days=int(reader.number("SLUICE_RETENTION_DAYS", 30, low=0, high=3650)),
                minutes=reader.number("SLUICE_RETENTION_MINUTES", 5, low=0.1, high=60),
            ),
            audio=audio_settings(env),
            app=app_access(env),
            feedback_profile=Path(profile) if profile else None,
            max_text_chars=int(reader.number("FEEDBACK_MAX_TEXT_CHARS", 20_000, low=1, high=1_000_000)),
            max_body_bytes=int(reader.number("SLUICE_MAX_BODY_BYTES", 4_000_000, low=1_000, high=100_000_000)),
            max_attempts=int(reader.number("SLUICE_MAX_ATTEMPTS", 5, low=1, high=20)),
            max_throttles=int(reader.number("SLUICE_MAX_THROTTLES", 50, low=1, high=10_000)),
            app_id=reader.text("SLUICE_APP_ID") or "default",
        )


def feedback_queues(env: Mapping[str, str] | None = None) -> Queues:
    """The queues of feedback jobs. Needed when the app is indexed, so every name has a default."""
    reader = Reader(os.environ if env is None else env)
    return Queues(
        inbox=reader.text("FEEDBACK_IN_QUEUE", "FEEDBACK_FORM_IN_QUEUE") or "feedback-in",
        run=reader.text("FEEDBACK_RUN_QUEUE") or "feedback-run",
        outbox=reader.text("FEEDBACK_OUT_QUEUE", "FEEDBACK_FORM_OUT_QUEUE") or "feedback-out",
    )


def sweep_schedule(env: Mapping[str, str] | None = None) -> str:
    """How often to look for calls that nobody woke the pump for (NCRONTAB). Needed when the app is indexed."""
    return Reader(os.environ if env is None else env).text("SLUICE_SWEEP_SCHEDULE") or "0 * * * * *"


def retention_schedule(env: Mapping[str, str] | None = None) -> str:
    """When to delete what is older than the retention (NCRONTAB, UTC). Needed when the app is indexed."""
    return Reader(os.environ if env is None else env).text("SLUICE_RETENTION_SCHEDULE") or "0 30 2 * * *"


def app_access(env: Mapping[str, str] | None = None) -> AppAccess:
    """How to reach the running app."""
    reader = Reader(os.environ if env is None else env)
    url = reader.text("SLUICE_URL")
    return AppAccess(url, reader.text("SLUICE_FUNCTION_KEY"), reader.text("SLUICE_RESOURCE_URI"))


def token_endpoints_level(env: Mapping[str, str] | None = None) -> str:
    """Who may call the token counter's endpoints: "function" (with a key), or "anonymous" behind an Entra sign-in."""
    level = (Reader(os.environ if env is None else env).text("SLUICE_TOKENS_AUTH_LEVEL") or "function").lower()
    return level if level in ("function", "anonymous") else "function"


def openai_settings(env: Mapping[str, str] | None = None) -> OpenAISettings:
    """The settings of the model, for a service that is used on its own.

    Raises:
        ConfigurationError: names the setting that is wrong.
    """
    reader = Reader(os.environ if env is None else env)
    return OpenAISettings(
        endpoint=reader.text("AZURE_OPENAI_ENDPOINT"),
        api_version=reader.text("AZURE_OPENAI_API_VERSION") or DEFAULT_API_VERSION,
        deployment=reader.text("AZURE_OPENAI_DEPLOYMENT_NAME"),
        base_model=reader.text("AZURE_OPENAI_BASE_MODEL"),
        timeout_s=reader.number("AZURE_OPENAI_TIMEOUT_S", 60.0, low=1.0, high=600.0),
        api_key=reader.text("AZURE_OPENAI_API_KEY"),
    )


def audio_settings(env: Mapping[str, str] | None = None) -> AudioSettings:
    """How recordings are prepared.

    Raises:
        ConfigurationError: names the setting that is wrong.
    """
    reader = Reader(os.environ if env is None else env)
    chunk_s = reader.number("AUDIO_CHUNK_S", 300, low=10, high=800)
    return AudioSettings(
        ffmpeg_path=reader.text("FFMPEG_PATH"),
        max_bytes=int(reader.number("AUDIO_MAX_BYTES", 1e9, low=1_000, high=1e11)),
        max_duration_s=reader.number("AUDIO_MAX_DURATION_S", 4 * 3600, low=1, high=24 * 3600),
        chunk_s=chunk_s,
        # More would send most of the recording twice.
        overlap_s=reader.number("AUDIO_OVERLAP_S", min(5.0, chunk_s / 4), low=0, high=chunk_s / 4),
        timeout_s=reader.number("AUDIO_FFMPEG_TIMEOUT_S", 300, low=1, high=24 * 3600),
    )


def _quota(reader: Reader) -> QuotaSettings:
    tpm = int(reader.number("OPENAI_TOKEN_LIMIT_PER_MINUTE", 100_000, low=1, high=1e9))
    # Microsoft, "Manage Azure OpenAI quota": 6 RPM for each 1,000 TPM of a chat model.
    rpm = int(reader.number("OPENAI_REQUEST_LIMIT_PER_MINUTE", max(1, tpm * 6 // 1000), low=1, high=1e7))
    return QuotaSettings(
        tpm=tpm,
        rpm=rpm,
        request_window_s=reader.number("OPENAI_REQUEST_WINDOW_S", 10.0, low=1.0, high=60.0),
        guard_s=reader.number("SLUICE_QUOTA_GUARD_S", 2.15, low=0.2, high=10.0),
        weights=reader.weights("SLUICE_APP_WEIGHTS"),
    )
