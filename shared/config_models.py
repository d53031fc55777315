"""The settings of model deployments: how each is called, and what of its quota is ours; and how the app is reached."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from shared.config_reader import Reader

DEFAULT_API_VERSION = "2024-10-21"  # the newest GA data-plane version of Azure OpenAI before the v1 path


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
class DeploymentSettings:
    """One deployment: how it is called, and what of its quota is ours."""

    openai: OpenAISettings
    quota: QuotaSettings


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


def chat_settings(reader: Reader) -> OpenAISettings:
    """The resource and its chat deployment.

    Raises:
        ConfigurationError: names the setting that is wrong.
    """
    return OpenAISettings(
        endpoint=reader.text("AZURE_OPENAI_ENDPOINT"),
        api_version=reader.text("AZURE_OPENAI_API_VERSION") or DEFAULT_API_VERSION,
        deployment=reader.text("AZURE_OPENAI_DEPLOYMENT_NAME"),
        base_model=reader.text("AZURE_OPENAI_BASE_MODEL"),
        timeout_s=reader.number("AZURE_OPENAI_TIMEOUT_S", 60.0, low=1.0, high=600.0),
        api_key=reader.text("AZURE_OPENAI_API_KEY"),
    )


def reasoner_settings(reader: Reader, chat: DeploymentSettings) -> DeploymentSettings:
    """The deployment of reasoning jobs: `chat` unless one of its own is set."""
    name = reader.text("AZURE_OPENAI_REASONING_DEPLOYMENT_NAME")
    if name is None or name == chat.openai.deployment:
        return chat
    tpm = int(reader.number("REASONING_TOKEN_LIMIT_PER_MINUTE", 100_000, low=1, high=1e9))
    rpm = int(reader.number("REASONING_REQUEST_LIMIT_PER_MINUTE", max(1, tpm * 6 // 1000), low=1, high=1e7))
    openai = replace(
        chat.openai,
        endpoint=reader.text("AZURE_OPENAI_REASONING_ENDPOINT") or chat.openai.endpoint,
        deployment=name,
        base_model=reader.text("AZURE_OPENAI_REASONING_BASE_MODEL"),
        timeout_s=reader.number("AZURE_OPENAI_REASONING_TIMEOUT_S", 300.0, low=1.0, high=600.0),
    )
    return DeploymentSettings(openai, replace(chat.quota, tpm=tpm, rpm=rpm))


def transcription_settings(reader: Reader, chat: DeploymentSettings) -> DeploymentSettings:
    """The deployment of audio jobs."""
    openai = replace(
        chat.openai,
        endpoint=reader.text("AZURE_OPENAI_TRANSCRIPTION_ENDPOINT") or chat.openai.endpoint,
        deployment=reader.text("AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT_NAME", "AZURE_OPENAI_WHISPER_DEPLOYMENT_NAME"),
        base_model=reader.text("AZURE_OPENAI_TRANSCRIPTION_BASE_MODEL"),
        timeout_s=reader.number("AZURE_OPENAI_TRANSCRIPTION_TIMEOUT_S", 300.0, low=1.0, high=600.0),
    )
    quota = replace(
        chat.quota,
        # Whisper has no token limit, so that each call counts as one token of a limit that never binds.
        tpm=int(reader.number("TRANSCRIPTION_TOKEN_LIMIT_PER_MINUTE", 1_000_000, low=1, high=1e9)),
        # Microsoft, "Azure OpenAI quotas and limits": 3 requests a minute is what Whisper gets by default.
        rpm=int(reader.number("TRANSCRIPTION_REQUEST_LIMIT_PER_MINUTE", 3, low=1, high=1e7)),
    )
    return DeploymentSettings(openai, quota)


def quota_settings(reader: Reader) -> QuotaSettings:
    """What of the chat deployment's quota is ours."""
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
