"""The settings of model deployments: how each is called, and what of its quota is ours."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from shared.config_reader import Reader
from shared.config_setting import Form

DEFAULT_API_VERSION = "2024-10-21"  # the newest GA data-plane version of Azure OpenAI before the v1 path
MAX_TPM = 1_000_000_000  # 30 times the largest quota known; see also shared/quota/limits.py
MAX_RPM = 10_000_000


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


def chat_settings(reader: Reader) -> OpenAISettings:
    """The resource and its chat deployment.

    Raises:
        ConfigurationError: names the setting that is wrong.
    """
    reader = reader.of("Model")
    return OpenAISettings(
        endpoint=reader.text(
            "AZURE_OPENAI_ENDPOINT",
            form=Form.ADDRESS,
            effect="the resource, such as `https://NAME.openai.azure.com`. Required to run jobs",
        ),
        api_version=reader.text(
            "AZURE_OPENAI_API_VERSION",
            default=DEFAULT_API_VERSION,
            form=Form.API_VERSION,
            effect="version of the data plane; `v1` uses the `/openai/v1` path",
        ),
        deployment=reader.text(
            "AZURE_OPENAI_DEPLOYMENT_NAME",
            effect="the chat deployment, for feedback jobs and for all that names no other. Required to run jobs",
        ),
        base_model=reader.text(
            "AZURE_OPENAI_BASE_MODEL",
            effect="model behind the deployment, for token counts and parameters, where the deployment's name doesn't "
            "say it",
        ),
        timeout_s=reader.number("AZURE_OPENAI_TIMEOUT_S", 60.0, low=1.0, high=600.0, effect="longest time for a call"),
        api_key=reader.text(
            "AZURE_OPENAI_API_KEY",
            form=Form.SECRET,
            effect="only where managed identity is not possible; without it DefaultAzureCredential is used",
        ),
    )


def reasoner_settings(reader: Reader, chat: DeploymentSettings) -> DeploymentSettings:
    """The deployment of reasoning jobs: `chat` unless one of its own is set."""
    reader = reader.of("Reasoning deployment")
    name = reader.text(
        "AZURE_OPENAI_REASONING_DEPLOYMENT_NAME",
        default_is="the chat deployment",
        effect="for reasoning jobs, such as one of o4-mini. Without it they use the chat deployment and its quota, "
        "and the other settings here have no effect",
    )
    openai = replace(
        chat.openai,
        endpoint=reader.text(
            "AZURE_OPENAI_REASONING_ENDPOINT",
            form=Form.ADDRESS,
            default_is="`AZURE_OPENAI_ENDPOINT`",
            effect="where it is on another resource",
        )
        or chat.openai.endpoint,
        deployment=name,
        base_model=reader.text(
            "AZURE_OPENAI_REASONING_BASE_MODEL",
            effect="its model: reasoning models get `max_completion_tokens` and `reasoning_effort`, and no temperature",
        ),
        timeout_s=reader.number(
            "AZURE_OPENAI_REASONING_TIMEOUT_S", 300.0, low=1.0, high=600.0, effect="longest time for a call"
        ),
    )
    tpm = reader.whole(
        "REASONING_TOKEN_LIMIT_PER_MINUTE", 100_000, low=1, high=MAX_TPM, effect="its quota; see Quota for the meaning"
    )
    rpm = reader.whole(
        "REASONING_REQUEST_LIMIT_PER_MINUTE",
        max(1, tpm * 6 // 1000),
        low=1,
        high=MAX_RPM,
        default_is="6 for each 1,000 tokens a minute",
        effect="its quota",
    )
    if name is None or name == chat.openai.deployment:
        return chat
    return DeploymentSettings(openai, replace(chat.quota, tpm=tpm, rpm=rpm))


def transcription_settings(reader: Reader, chat: DeploymentSettings) -> DeploymentSettings:
    """The deployment of audio jobs."""
    reader = reader.of("Transcription deployment")
    openai = replace(
        chat.openai,
        endpoint=reader.text(
            "AZURE_OPENAI_TRANSCRIPTION_ENDPOINT",
            form=Form.ADDRESS,
            default_is="`AZURE_OPENAI_ENDPOINT`",
            effect="where it is on another resource",
        )
        or chat.openai.endpoint,
        deployment=reader.text(
            "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT_NAME",
            "AZURE_OPENAI_WHISPER_DEPLOYMENT_NAME",
            effect="required for audio jobs, such as one of whisper",
        ),
        base_model=reader.text(
            "AZURE_OPENAI_TRANSCRIPTION_BASE_MODEL", effect="its model, where the deployment's name doesn't say it"
        ),
        timeout_s=reader.number(
            "AZURE_OPENAI_TRANSCRIPTION_TIMEOUT_S", 300.0, low=1.0, high=600.0, effect="longest time for a call"
        ),
    )
    quota = replace(
        chat.quota,
        # Whisper has no token limit, so that each call counts as one token of a limit that never binds.
        tpm=reader.whole(
            "TRANSCRIPTION_TOKEN_LIMIT_PER_MINUTE",
            1_000_000,
            low=1,
            high=MAX_TPM,
            effect="for models that bill by tokens. Each call counts as one",
        ),
        # Microsoft, "Azure OpenAI quotas and limits": 3 requests a minute is what Whisper gets by default.
        rpm=reader.whole(
            "TRANSCRIPTION_REQUEST_LIMIT_PER_MINUTE",
            3,
            low=1,
            high=MAX_RPM,
            effect="its quota; the default is what Azure grants for whisper",
        ),
    )
    return DeploymentSettings(openai, quota)


def quota_settings(reader: Reader) -> QuotaSettings:
    """What of the chat deployment's quota is ours."""
    reader = reader.of("Quota")
    tpm = reader.whole(
        "OPENAI_TOKEN_LIMIT_PER_MINUTE",
        100_000,
        low=1,
        high=MAX_TPM,
        effect="as the endpoint estimates tokens. Not in thousands: a capacity of 100 in Azure is 100000",
    )
    # Microsoft, "Manage Azure OpenAI quota": 6 RPM for each 1,000 TPM of a chat model.
    rpm = reader.whole(
        "OPENAI_REQUEST_LIMIT_PER_MINUTE",
        max(1, tpm * 6 // 1000),
        low=1,
        high=MAX_RPM,
        default_is="6 for each 1,000 tokens a minute",
        effect="the default is what Azure grants for most chat models",
    )
    return QuotaSettings(
        tpm=tpm,
        rpm=rpm,
        request_window_s=reader.number(
            "OPENAI_REQUEST_WINDOW_S",
            10.0,
            low=1.0,
            high=60.0,
            effect="over which the endpoint counts requests: Microsoft names 1 and 10",
        ),
        guard_s=reader.number(
            "SLUICE_QUOTA_GUARD_S",
            2.15,
            low=0.4,  # shared/quota/limits.py, MIN_GUARD_S
            high=10.0,
            effect="how much longer our windows are than the endpoint's. A call may leave so much after its start, "
            "less 0.15 s. More is safer where workers are slow, and leaves a little more of the quota unused",
        ),
        weights=reader.weights(
            "SLUICE_APP_WEIGHTS",
            effect="shares of apps (the property `app_id` of messages), such as `shop=3,forum=0.5`; 1 for those not "
            "named",
        ),
    )
