"""Settings: read once, from the environment, here and nowhere else.

Names of the source documents (SERVICE_BUS_NAMESPACE, FEEDBACK_FORM_IN_QUEUE, ...) are accepted beside our own.
Local and cloud differ by these values only.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared import run_settings
from shared.config_http import HttpAuth, HttpSettings, http_auth, read_http_settings
from shared.config_models import AppAccess as AppAccess
from shared.config_models import DeploymentSettings as DeploymentSettings
from shared.config_models import OpenAISettings as OpenAISettings
from shared.config_models import QuotaSettings as QuotaSettings
from shared.config_models import chat_settings, quota_settings, reasoner_settings, transcription_settings
from shared.config_reader import Connection as Connection
from shared.config_reader import Reader
from shared.log_settings import LogSettings, LogTriggers, log_triggers_of, read_log_settings, secret_values
from shared.run_settings import RunSettings as RunSettings


@dataclass(frozen=True, slots=True)
class Queues:
    """The Service Bus queues of one kind of job."""

    inbox: str
    run: str
    outbox: str


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
class Settings:
    """Everything that can be set. docs/configuration.md lists the names, defaults and effects.

    Attributes:
        chat: the deployment of feedback jobs, and of all that names no other.
        reasoner: of reasoning jobs; the same as `chat` unless one of its own is set.
        transcription: of audio jobs.
    """

    blobs: Connection
    tables: Connection
    service_bus: Connection
    feedback: Queues
    reasoning: Queues
    audio: Queues
    chat: DeploymentSettings
    reasoner: DeploymentSettings
    transcription: DeploymentSettings
    retention: RetentionSettings
    media: AudioSettings
    app: AppAccess
    audio_containers: tuple[str, ...]
    audio_hosts: tuple[str, ...]
    summary_profile: Path | None
    reasoning_profile: Path | None
    reasoning_containers: tuple[str, ...]
    reasoning_context_tokens: int
    reasoning_call_tokens: int
    reasoning_max_tokens: int
    reasoning_max_samples: int
    reasoning_max_input_chars: int
    runs: RunSettings
    logs: LogSettings
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
        chat = DeploymentSettings(openai_settings(env), quota_settings(reader))
        return cls(
            blobs=reader.storage("blob"),
            tables=reader.storage("table"),
            service_bus=reader.service_bus(),
            feedback=feedback_queues(env),
            reasoning=reasoning_queues(env),
            audio=audio_queues(env),
            chat=chat,
            reasoner=reasoner_settings(reader, chat),
            transcription=transcription_settings(reader, chat),
            retention=RetentionSettings(
                days=int(reader.number("SLUICE_RETENTION_DAYS", 30, low=0, high=3650)),
                minutes=reader.number("SLUICE_RETENTION_MINUTES", 5, low=0.1, high=60),
            ),
            media=audio_settings(env),
            app=app_access(env),
            audio_containers=reader.names("AUDIO_CONTAINERS", f"{audio_container(env)},audio-sent"),
            audio_hosts=reader.names("AUDIO_ALLOWED_HOSTS", ""),
            summary_profile=reader.path("SUMMARY_PROFILE"),
            reasoning_profile=reader.path("REASONING_PROFILE"),
            reasoning_containers=reader.names("REASONING_CONTAINERS", "reasoning-in"),
            reasoning_context_tokens=int(reader.number("REASONING_CONTEXT_TOKENS", 128_000, low=4_000, high=1e7)),
            reasoning_call_tokens=int(reader.number("REASONING_CALL_TOKENS", 50_000, low=4_000, high=1e7)),
            reasoning_max_tokens=int(reader.number("REASONING_MAX_TOKENS", 2_000, low=64, high=100_000)),
            reasoning_max_samples=int(reader.number("REASONING_MAX_SAMPLES", 10, low=1, high=100)),
            reasoning_max_input_chars=int(reader.number("REASONING_MAX_INPUT_CHARS", 1e7, low=1_000, high=1e9)),
            feedback_profile=reader.path("FEEDBACK_PROFILE"),
            runs=run_settings.read_run_settings(reader),
            logs=log_settings(env),
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


def reasoning_queues(env: Mapping[str, str] | None = None) -> Queues:
    """The queues of reasoning jobs. Needed when the app is indexed, so every name has a default."""
    reader = Reader(os.environ if env is None else env)
    return Queues(
        inbox=reader.text("REASONING_IN_QUEUE", "REASONER_IN_QUEUE") or "reasoning-in",
        run=reader.text("REASONING_RUN_QUEUE") or "reasoning-run",
        outbox=reader.text("REASONING_OUT_QUEUE", "REASONER_OUT_QUEUE") or "reasoning-out",
    )


def audio_queues(env: Mapping[str, str] | None = None) -> Queues:
    """The queues of audio jobs. Needed when the app is indexed, so every name has a default."""
    reader = Reader(os.environ if env is None else env)
    return Queues(
        inbox=reader.text("AUDIO_IN_QUEUE", "WHISPER_IN_QUEUE") or "audio-in",
        run=reader.text("AUDIO_PREPARE_QUEUE") or "audio-prepare",
        outbox=reader.text("AUDIO_OUT_QUEUE", "WHISPER_OUT_QUEUE") or "audio-out",
    )


def all_queues(env: Mapping[str, str] | None = None) -> dict[str, Queues]:
    """Those of every kind of job."""
    return {"feedback": feedback_queues(env), "reasoning": reasoning_queues(env), "audio": audio_queues(env)}


def audio_container(env: Mapping[str, str] | None = None) -> str:
    """The blob container whose files become audio jobs. Needed when the app is indexed."""
    return Reader(os.environ if env is None else env).text("AUDIO_IN_CONTAINER") or "audio-in"


def turns_queue(env: Mapping[str, str] | None = None) -> str:
    """The queue of the turns of runs. Needed when the app is indexed."""
    return run_settings.turns_queue(Reader(os.environ if env is None else env))


def webhook_queue(env: Mapping[str, str] | None = None) -> str:
    """Where the calls of webhooks wait. Needed when the app is indexed."""
    return Reader(os.environ if env is None else env).text("SLUICE_WEBHOOK_QUEUE") or "webhooks"


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


def http_level(env: Mapping[str, str] | None = None) -> str:
    """What the host asks of callers of the HTTP API: "function" (a key), or "anonymous" where the app asks itself.

    Needed when the app is indexed.
    """
    auth = http_auth(Reader(os.environ if env is None else env))
    return "function" if auth is HttpAuth.FUNCTION else "anonymous"


def http_settings(env: Mapping[str, str] | None = None) -> HttpSettings:
    """The settings of the HTTP API.

    Raises:
        ConfigurationError: names the setting that is wrong.
    """
    return read_http_settings(Reader(os.environ if env is None else env))


def table_connection(env: Mapping[str, str] | None = None) -> Connection:
    """Where the tables are.

    Raises:
        ConfigurationError: nothing says.
    """
    return Reader(os.environ if env is None else env).storage("table")


def log_settings(env: Mapping[str, str] | None = None) -> LogSettings:
    """How logs are written and shipped. Raises ConfigurationError."""
    found = os.environ if env is None else env
    return read_log_settings(Reader(found), socket.gethostname(), secret_values(found))


def log_triggers(env: Mapping[str, str] | None = None) -> LogTriggers:
    """What the app's index needs to know of log shipping."""
    return log_triggers_of(Reader(os.environ if env is None else env))


def storage_connections(env: Mapping[str, str] | None = None) -> tuple[Connection, Connection]:
    """Blobs and tables, for what needs nothing else. Raises ConfigurationError where no account is set."""
    reader = Reader(os.environ if env is None else env)
    return reader.storage("blob"), reader.storage("table")


def openai_settings(env: Mapping[str, str] | None = None) -> OpenAISettings:
    """The settings of the model, for a service that is used on its own.

    Raises:
        ConfigurationError: names the setting that is wrong.
    """
    return chat_settings(Reader(os.environ if env is None else env))


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
