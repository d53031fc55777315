"""Settings: read once, from the environment, here and nowhere else.

Names of the source documents (SERVICE_BUS_NAMESPACE, FEEDBACK_FORM_IN_QUEUE, ...) are accepted beside our own.
Local and cloud differ by these values only. Each look-up describes its setting, from which docs/configuration.md is
made (`make docs`).
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared import run_settings
from shared.config_command import AppAccess as AppAccess
from shared.config_command import read_app_access
from shared.config_http import HttpAuth, HttpSettings, http_auth, read_http_settings
from shared.config_jobs import AudioSettings as AudioSettings
from shared.config_jobs import Queues as Queues
from shared.config_jobs import ReasoningSettings as ReasoningSettings
from shared.config_jobs import RetentionSettings as RetentionSettings
from shared.config_jobs import (
    read_audio,
    read_audio_container,
    read_audio_queues,
    read_feedback_queues,
    read_reasoning,
    read_reasoning_queues,
    read_retention,
)
from shared.config_models import DeploymentSettings as DeploymentSettings
from shared.config_models import OpenAISettings as OpenAISettings
from shared.config_models import QuotaSettings as QuotaSettings
from shared.config_models import chat_settings, quota_settings, reasoner_settings, transcription_settings
from shared.config_reader import Connection as Connection
from shared.config_reader import Reader
from shared.config_setting import Form
from shared.log_settings import LogSettings, LogTriggers, log_triggers_of, read_log_settings, secret_values
from shared.run_settings import RunSettings as RunSettings
from shared.telemetry_settings import TelemetrySettings, read_telemetry_settings


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
    reasoning_limits: ReasoningSettings
    runs: RunSettings
    logs: LogSettings
    telemetry: TelemetrySettings
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
            ConfigurationError: names the setting that is missing or wrong, and what to set. The first that is found:
                see shared/config_validator.py for all.
        """
        reader = _reader(env)
        chat = DeploymentSettings(openai_settings(env), quota_settings(reader))
        jobs, audio, feedback = reader.of("Jobs"), reader.of("Audio"), reader.of("Feedback")
        connections = reader.of("Storage and Service Bus")
        return cls(
            blobs=connections.storage("blob"),
            tables=connections.storage("table"),
            service_bus=connections.service_bus(),
            feedback=feedback_queues(env),
            reasoning=reasoning_queues(env),
            audio=audio_queues(env),
            chat=chat,
            reasoner=reasoner_settings(reader, chat),
            transcription=transcription_settings(reader, chat),
            retention=read_retention(reader),
            media=audio_settings(env),
            app=app_access(env),
            audio_containers=audio.names(
                "AUDIO_CONTAINERS",
                f"{audio_container(env)},audio-sent",
                form=Form.CONTAINER,
                default_is="`AUDIO_IN_CONTAINER`, and `audio-sent`",
                effect="containers of the app's own account from which recordings may be read; "
                "`sluice send audio FILE` puts files into `audio-sent`",
            ),
            audio_hosts=audio.names(
                "AUDIO_ALLOWED_HOSTS",
                "",
                form=Form.HOST,
                effect="other hosts from which recordings may be fetched over https, by their exact names",
            ),
            summary_profile=audio.path(
                "SUMMARY_PROFILE",
                default_is="`shared/jobs/summary.yaml`",
                effect="YAML file with the prompts of `analyse: summary`",
            ),
            reasoning_limits=read_reasoning(reader),
            feedback_profile=feedback.path(
                "FEEDBACK_PROFILE",
                default_is="`shared/jobs/feedback.yaml`",
                effect="YAML file with categories, hashtags, output schema and prompt; `sluice profile check FILE`",
            ),
            runs=run_settings.read_run_settings(reader),
            logs=log_settings(env),
            telemetry=telemetry_settings(env),
            max_text_chars=feedback.whole(
                "FEEDBACK_MAX_TEXT_CHARS", 20_000, low=1, high=1_000_000, effect="longest feedback text"
            ),
            max_body_bytes=jobs.whole(
                "SLUICE_MAX_BODY_BYTES",
                4_000_000,
                low=1_000,
                high=100_000_000,
                effect="largest body fetched by claim check",
            ),
            max_attempts=jobs.whole(
                "SLUICE_MAX_ATTEMPTS", 5, low=1, high=20, effect="attempts of a job on transient errors"
            ),
            max_throttles=jobs.whole(
                "SLUICE_MAX_THROTTLES",
                50,
                low=1,
                high=10_000,
                effect="429s that one job may get before it fails; they are no attempts, but each stops all calls for "
                "a while",
            ),
            app_id=jobs.text("SLUICE_APP_ID", default="default", effect="name of this app towards the token counter"),
        )


def _reader(env: Mapping[str, str] | None) -> Reader:
    return Reader(os.environ if env is None else env)


def environment() -> Mapping[str, str]:
    """All names and values, for those that look at the settings as such. Holds secrets."""
    return os.environ


def feedback_queues(env: Mapping[str, str] | None = None) -> Queues:
    """The queues of feedback jobs."""
    return read_feedback_queues(_reader(env))


def reasoning_queues(env: Mapping[str, str] | None = None) -> Queues:
    """The queues of reasoning jobs."""
    return read_reasoning_queues(_reader(env))


def audio_queues(env: Mapping[str, str] | None = None) -> Queues:
    """The queues of audio jobs."""
    return read_audio_queues(_reader(env))


def all_queues(env: Mapping[str, str] | None = None) -> dict[str, Queues]:
    """Those of every kind of job."""
    return {"feedback": feedback_queues(env), "reasoning": reasoning_queues(env), "audio": audio_queues(env)}


def audio_container(env: Mapping[str, str] | None = None) -> str:
    """The blob container whose files become audio jobs. Needed when the app is indexed."""
    return read_audio_container(_reader(env))


def turns_queue(env: Mapping[str, str] | None = None) -> str:
    """The queue of the turns of runs. Needed when the app is indexed."""
    return run_settings.turns_queue(_reader(env))


def webhook_queue(env: Mapping[str, str] | None = None) -> str:
    """Where the calls of webhooks wait. Needed when the app is indexed."""
    return (
        _reader(env)
        .of("HTTP")
        .text("SLUICE_WEBHOOK_QUEUE", default="webhooks", form=Form.QUEUE, effect="where the calls of webhooks wait")
    )


def sweep_schedule(env: Mapping[str, str] | None = None) -> str:
    """How often to look for calls that nobody woke the pump for (NCRONTAB). Needed when the app is indexed."""
    return (
        _reader(env)
        .of("Quota")
        .text(
            "SLUICE_SWEEP_SCHEDULE",
            default="0 * * * * *",
            form=Form.SCHEDULE,
            effect="how often to look for calls that nobody woke the pump for. Usually there are none",
        )
    )


def retention_schedule(env: Mapping[str, str] | None = None) -> str:
    """When to delete what is older than the retention (NCRONTAB, UTC). Needed when the app is indexed."""
    return (
        _reader(env)
        .of("Retention")
        .text("SLUICE_RETENTION_SCHEDULE", default="0 30 2 * * *", form=Form.SCHEDULE, effect="when it is done")
    )


def app_access(env: Mapping[str, str] | None = None) -> AppAccess:
    """How to reach the running app."""
    return read_app_access(_reader(env))


def http_level(env: Mapping[str, str] | None = None) -> str:
    """What the host asks of callers of the HTTP API: "function" (a key), or "anonymous" where the app asks itself.

    Needed when the app is indexed.
    """
    auth = http_auth(_reader(env))
    return "function" if auth is HttpAuth.FUNCTION else "anonymous"


def http_settings(env: Mapping[str, str] | None = None) -> HttpSettings:
    """The settings of the HTTP API.

    Raises:
        ConfigurationError: names the setting that is wrong.
    """
    return read_http_settings(_reader(env))


def table_connection(env: Mapping[str, str] | None = None) -> Connection:
    """Where the tables are. Raises ConfigurationError where no account is set."""
    return _reader(env).storage("table")


def log_settings(env: Mapping[str, str] | None = None) -> LogSettings:
    """How logs are written and shipped. Raises ConfigurationError."""
    found = os.environ if env is None else env
    return read_log_settings(Reader(found), socket.gethostname(), secret_values(found))


def telemetry_settings(env: Mapping[str, str] | None = None) -> TelemetrySettings:
    """What is traced and measured, and where it goes. Raises ConfigurationError."""
    logs = log_settings(env)
    return read_telemetry_settings(_reader(env), logs.app, logs.machine, logs.secrets)


def log_triggers(env: Mapping[str, str] | None = None) -> LogTriggers:
    """What the app's index needs to know of log shipping."""
    return log_triggers_of(_reader(env))


def storage_connections(env: Mapping[str, str] | None = None) -> tuple[Connection, Connection]:
    """Blobs and tables, for what needs nothing else. Raises ConfigurationError where no account is set."""
    reader = _reader(env)
    return reader.storage("blob"), reader.storage("table")


def service_bus_connection(env: Mapping[str, str] | None = None) -> Connection:
    """Service Bus alone. Raises ConfigurationError where no namespace is set."""
    return _reader(env).service_bus()


def openai_settings(env: Mapping[str, str] | None = None) -> OpenAISettings:
    """The settings of the model, for a service that is used on its own.

    Raises:
        ConfigurationError: names the setting that is wrong.
    """
    return chat_settings(_reader(env))


def audio_settings(env: Mapping[str, str] | None = None) -> AudioSettings:
    """How recordings are prepared. Raises ConfigurationError."""
    return read_audio(_reader(env))
