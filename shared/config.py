"""Settings: read once, from the environment, here and nowhere else.

Names of the source documents (SERVICE_BUS_NAMESPACE, FEEDBACK_FORM_IN_QUEUE, ...) are accepted beside our own.
Local and cloud differ by these values only.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.errors import ConfigurationError
from shared.log_settings import LogSettings, LogTriggers, log_triggers_of, read_log_settings, secret_values

DEFAULT_API_VERSION = "2024-10-21"  # the newest GA data-plane version of Azure OpenAI before the v1 path


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a service: a connection string, or an address with this app's managed identity.

    Attributes:
        address: `https://...` of the storage service, or the fully qualified Service Bus namespace.
        client_id: of a user-assigned identity; None means the default credential.
    """

    connection_string: str | None = field(default=None, repr=False)
    address: str | None = None
    client_id: str | None = None


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
    app: AppAccess
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
        reader = _Reader(os.environ if env is None else env)
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
            app=app_access(env),
            logs=log_settings(env),
            feedback_profile=Path(profile) if profile else None,
            max_text_chars=int(reader.number("FEEDBACK_MAX_TEXT_CHARS", 20_000, low=1, high=1_000_000)),
            max_body_bytes=int(reader.number("SLUICE_MAX_BODY_BYTES", 4_000_000, low=1_000, high=100_000_000)),
            max_attempts=int(reader.number("SLUICE_MAX_ATTEMPTS", 5, low=1, high=20)),
            max_throttles=int(reader.number("SLUICE_MAX_THROTTLES", 50, low=1, high=10_000)),
            app_id=reader.text("SLUICE_APP_ID") or "default",
        )


def feedback_queues(env: Mapping[str, str] | None = None) -> Queues:
    """The queues of feedback jobs. Needed when the app is indexed, so every name has a default."""
    reader = _Reader(os.environ if env is None else env)
    return Queues(
        inbox=reader.text("FEEDBACK_IN_QUEUE", "FEEDBACK_FORM_IN_QUEUE") or "feedback-in",
        run=reader.text("FEEDBACK_RUN_QUEUE") or "feedback-run",
        outbox=reader.text("FEEDBACK_OUT_QUEUE", "FEEDBACK_FORM_OUT_QUEUE") or "feedback-out",
    )


def sweep_schedule(env: Mapping[str, str] | None = None) -> str:
    """How often to look for calls that nobody woke the pump for (NCRONTAB). Needed when the app is indexed."""
    return _Reader(os.environ if env is None else env).text("SLUICE_SWEEP_SCHEDULE") or "0 * * * * *"


def retention_schedule(env: Mapping[str, str] | None = None) -> str:
    """When to delete what is older than the retention (NCRONTAB, UTC). Needed when the app is indexed."""
    return _Reader(os.environ if env is None else env).text("SLUICE_RETENTION_SCHEDULE") or "0 30 2 * * *"


def app_access(env: Mapping[str, str] | None = None) -> AppAccess:
    """How to reach the running app."""
    reader = _Reader(os.environ if env is None else env)
    url = reader.text("SLUICE_URL")
    return AppAccess(url, reader.text("SLUICE_FUNCTION_KEY"), reader.text("SLUICE_RESOURCE_URI"))


def token_endpoints_level(env: Mapping[str, str] | None = None) -> str:
    """Who may call the token counter's endpoints: "function" (with a key), or "anonymous" behind an Entra sign-in."""
    level = (_Reader(os.environ if env is None else env).text("SLUICE_TOKENS_AUTH_LEVEL") or "function").lower()
    return level if level in ("function", "anonymous") else "function"


def log_settings(env: Mapping[str, str] | None = None) -> LogSettings:
    """How logs are written and shipped. Raises ConfigurationError."""
    found = os.environ if env is None else env
    return read_log_settings(_Reader(found), socket.gethostname(), secret_values(found))


def log_triggers(env: Mapping[str, str] | None = None) -> LogTriggers:
    """What the app's index needs to know of log shipping."""
    return log_triggers_of(_Reader(os.environ if env is None else env))


def storage_connections(env: Mapping[str, str] | None = None) -> tuple[Connection, Connection]:
    """Blobs and tables, for what needs nothing else. Raises ConfigurationError where no account is set."""
    reader = _Reader(os.environ if env is None else env)
    return reader.storage("blob"), reader.storage("table")


def openai_settings(env: Mapping[str, str] | None = None) -> OpenAISettings:
    """The settings of the model, for a service that is used on its own.

    Raises:
        ConfigurationError: names the setting that is wrong.
    """
    reader = _Reader(os.environ if env is None else env)
    return OpenAISettings(
        endpoint=reader.text("AZURE_OPENAI_ENDPOINT"),
        api_version=reader.text("AZURE_OPENAI_API_VERSION") or DEFAULT_API_VERSION,
        deployment=reader.text("AZURE_OPENAI_DEPLOYMENT_NAME"),
        base_model=reader.text("AZURE_OPENAI_BASE_MODEL"),
        timeout_s=reader.number("AZURE_OPENAI_TIMEOUT_S", 60.0, low=1.0, high=600.0),
        api_key=reader.text("AZURE_OPENAI_API_KEY"),
    )


def _quota(reader: "_Reader") -> QuotaSettings:
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


class _Reader:
    """Typed look-ups with errors that name the setting."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def text(self, *names: str) -> str | None:
        return next((value for name in names if (value := self._env.get(name, "").strip())), None)

    def number(self, name: str, default: float, *, low: float, high: float) -> float:
        raw = self.text(name)
        if raw is None:
            return default
        try:
            value = float(raw)
        except ValueError:
            raise ConfigurationError(f"The setting {name} must be a number, not {raw!r}.", field=name) from None
        if not low <= value <= high:
            raise ConfigurationError(f"The setting {name} must be from {low:g} to {high:g}, not {raw}.", field=name)
        return value

    def weights(self, name: str) -> dict[str, float]:
        """Such as `shop=3, forum=0.5`."""
        weights: dict[str, float] = {}
        for part in filter(None, (part.strip() for part in (self.text(name) or "").split(","))):
            app, _, raw = part.rpartition("=")
            try:
                weights[app.strip()] = weight = float(raw)
            except ValueError:
                weight = 0.0
            if not app.strip() or not 0 < weight <= 1000:
                raise ConfigurationError(
                    f"The setting {name} must name apps with weights above 0, such as shop=3,forum=0.5; "
                    f"{part!r} is none.",
                    field=name,
                )
        return weights

    def storage(self, service: str) -> Connection:
        """AzureWebJobsStorage, as the Functions host reads it: connection string, service address or account name."""
        name = "AzureWebJobsStorage"
        account = self.text(f"{name}__accountName", "AZURE_STORAGE_ACCOUNT")
        address = self.text(f"{name}__{service}ServiceUri") or (
            f"https://{account}.{service}.core.windows.net" if account else None
        )
        connection_string = self.text(name)
        if connection_string is None and address is None:
            raise ConfigurationError(
                f"No storage account is set: give {name} (connection string), {name}__accountName "
                f"or {name}__{service}ServiceUri.",
                field=name,
            )
        return Connection(connection_string, address, self.text(f"{name}__clientId"))

    def service_bus(self) -> Connection:
        name = "ServiceBusConnection"
        connection_string = self.text(name)
        address = self.text(f"{name}__fullyQualifiedNamespace", "SERVICE_BUS_NAMESPACE")
        if connection_string is None and address is None:
            raise ConfigurationError(
                f"No Service Bus namespace is set: give {name} (connection string) or {name}__fullyQualifiedNamespace.",
                field=name,
            )
        return Connection(connection_string, address, self.text(f"{name}__clientId"))
