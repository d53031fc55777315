"""Thirty configurations as people break them, each with the setting that is at fault and the mend."""

import json
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[3]
SOUND: dict[str, str] = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
"""What works: local.settings.sample.json."""

IDENTITY = {
    "AzureWebJobsStorage": "",
    "AzureWebJobsStorage__accountName": "sluicestore",
    "ServiceBusConnection": "",
    "ServiceBusConnection__fullyQualifiedNamespace": "sluice-bus.servicebus.windows.net",
    "AZURE_OPENAI_ENDPOINT": "https://sluice-models.openai.azure.com",
    "AZURE_OPENAI_API_KEY": "",
}
"""Changes to SOUND: as in the cloud."""


@dataclass(frozen=True)
class Broken:
    """One configuration.

    Attributes:
        changes: to SOUND; an empty value takes the setting out.
        setting: that is named first.
        mend: part of what is said about the mend.
        severity: of the finding.
        others: names that stand beside it.
    """

    what: str
    changes: dict[str, str]
    setting: str
    mend: str
    severity: str = "critical"
    others: tuple[str, ...] = field(default=())

    @property
    def env(self) -> dict[str, str]:
        return {name: value for name, value in {**SOUND, **self.changes}.items() if value}


BROKEN = (
    # missing
    Broken("no storage", {"AzureWebJobsStorage": ""}, "AzureWebJobsStorage", "Set it: connection string"),
    Broken("no Service Bus", {"ServiceBusConnection": ""}, "ServiceBusConnection", "Set it: connection string"),
    Broken("no endpoint", {"AZURE_OPENAI_ENDPOINT": ""}, "AZURE_OPENAI_ENDPOINT", "https://NAME.openai.azure.com"),
    Broken("no deployment", {"AZURE_OPENAI_DEPLOYMENT_NAME": ""}, "AZURE_OPENAI_DEPLOYMENT_NAME", "Set it: the chat"),
    Broken(
        "an example's placeholder",
        {
            **IDENTITY,
            "ServiceBusConnection__fullyQualifiedNamespace": "your-servicebus-namespace.servicebus.windows.net",
        },
        "ServiceBusConnection__fullyQualifiedNamespace",
        "Set it: the namespace",
    ),
    Broken(
        "an unresolved reference",
        {"AZURE_OPENAI_API_KEY": "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/key)"},
        "AZURE_OPENAI_API_KEY",
        "Key Vault Secrets User",
    ),
    # misspelt
    Broken("a letter", {"SLUICE_MAX_ATEMPTS": "3"}, "SLUICE_MAX_ATEMPTS", "SLUICE_MAX_ATTEMPTS", "warning"),
    Broken(
        "a required name",
        {"AZURE_OPENAI_ENDPOINT": "", "AZURE_OPENAI_ENDPONT": "https://m.openai.azure.com"},
        "AZURE_OPENAI_ENDPOINT",
        "Rename AZURE_OPENAI_ENDPONT",
    ),
    Broken(
        "a second name",
        {"SERVICE_BUS_NAMESPCE": "sluice-bus.servicebus.windows.net"},
        "SERVICE_BUS_NAMESPCE",
        "SERVICE_BUS_NAMESPACE",
        "warning",
    ),
    Broken(
        "one underscore",
        {**IDENTITY, "AzureWebJobsStorage__accountName": "", "AzureWebJobsStorage_accountName": "sluicestore"},
        "AzureWebJobsStorage",
        "Rename AzureWebJobsStorage_accountName",
    ),
    Broken("lower case", {"sluice_retention_days": "7"}, "sluice_retention_days", "SLUICE_RETENTION_DAYS", "warning"),
    # wrong unit
    Broken("milliseconds", {"AZURE_OPENAI_TIMEOUT_S": "60000"}, "AZURE_OPENAI_TIMEOUT_S", "Set it to 60."),
    Broken("thousands", {"OPENAI_TOKEN_LIMIT_PER_MINUTE": "100"}, "OPENAI_TOKEN_LIMIT_PER_MINUTE", "Set it to 100000"),
    Broken("a suffix", {"OPENAI_TOKEN_LIMIT_PER_MINUTE": "150K"}, "OPENAI_TOKEN_LIMIT_PER_MINUTE", "Set it to 150000."),
    Broken("gigabytes", {"AUDIO_MAX_BYTES": "2 GB"}, "AUDIO_MAX_BYTES", "Set it to 2000000000."),
    Broken(
        "megabytes",
        {"AUDIO_MAX_BYTES": "1000"},
        "AUDIO_MAX_BYTES",
        "Set it to 1000000000 for 1000 megabytes",
        "warning",
    ),
    Broken("a time span", {"AUDIO_FFMPEG_TIMEOUT_S": "00:05:00"}, "AUDIO_FFMPEG_TIMEOUT_S", "Set it to 300."),
    # out of range
    Broken("too many", {"SLUICE_MAX_ATTEMPTS": "500"}, "SLUICE_MAX_ATTEMPTS", "use the default, 5"),
    Broken(
        "no word of these", {"SLUICE_LOGS_LEVEL": "loud"}, "SLUICE_LOGS_LEVEL", "Correct or remove it: lowest level"
    ),
    Broken("no schedule", {"SLUICE_RETENTION_SCHEDULE": "at night"}, "SLUICE_RETENTION_SCHEDULE", "0 30 2 * * *"),
    Broken("no API version", {"AZURE_OPENAI_API_VERSION": "latest"}, "AZURE_OPENAI_API_VERSION", "Set it to v1"),
    Broken(
        "an address without https",
        {"AZURE_OPENAI_ENDPOINT": "sluice-models.openai.azure.com"},
        "AZURE_OPENAI_ENDPOINT",
        "Set it to https://sluice-models.openai.azure.com.",
    ),
    Broken(
        "an address instead of a name",
        {**IDENTITY, "ServiceBusConnection__fullyQualifiedNamespace": "sb://sluice-bus.servicebus.windows.net/"},
        "ServiceBusConnection__fullyQualifiedNamespace",
        "Set it to sluice-bus.servicebus.windows.net.",
    ),
    # contradicting
    Broken(
        "one queue for two",
        {"AUDIO_IN_QUEUE": "feedback-in"},
        "AUDIO_IN_QUEUE",
        "such as audio-in here",
        others=("FEEDBACK_IN_QUEUE",),
    ),
    Broken(
        "a call that is larger than the quota",
        {"OPENAI_TOKEN_LIMIT_PER_MINUTE": "30000", "REASONING_CALL_TOKENS": "50000"},
        "REASONING_CALL_TOKENS",
        "Set it to 15000 at most",
        others=("OPENAI_TOKEN_LIMIT_PER_MINUTE",),
    ),
    Broken(
        "more output than a call has",
        {"REASONING_MAX_TOKENS": "60000"},
        "REASONING_MAX_TOKENS",
        "Lower it",
        others=("REASONING_CALL_TOKENS",),
    ),
    Broken(
        "work that is longer than the function may run",
        {"AUDIO_FFMPEG_TIMEOUT_S": "3600"},
        "AUDIO_FFMPEG_TIMEOUT_S",
        "Set it below 1800",
    ),
    Broken(
        "a lock that ends before the function",
        {"AzureFunctionsJobHost__extensions__serviceBus__maxAutoLockRenewalDuration": "00:05:00"},
        "host.json maxAutoLockRenewalDuration",
        "to the function timeout",
    ),
    Broken(
        "one deployment with two quotas",
        {"AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT_NAME": "gpt-4o-mini"},
        "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT_NAME",
        "Give the other deployment's name here",
        others=("AZURE_OPENAI_DEPLOYMENT_NAME",),
    ),
    # insecure
    Broken(
        "a key beside an identity",
        {**IDENTITY, "AZURE_CLIENT_ID": "6b1f", "AZURE_OPENAI_API_KEY": "0123456789abcdef0123456789abcdef"},
        "AZURE_OPENAI_API_KEY",
        "Cognitive Services OpenAI User",
        "warning",
    ),
    Broken(
        "an open connection",
        {"AZURE_OPENAI_ENDPOINT": "http://models.example.com"},
        "AZURE_OPENAI_ENDPOINT",
        "Set it to https://models.example.com",
        "warning",
    ),
)
"""Besides, tests/integration/config/test_live.py has those that only a live check can find."""
