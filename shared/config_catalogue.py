"""All settings there are, as the look-ups define them."""

import inspect
from collections.abc import Mapping
from functools import cache

from shared import config
from shared.config_reader import NotedEnvironment
from shared.config_setting import Form, Setting

# So that nothing is missing: what isn't there raises before the rest is looked up.
_PLACEHOLDERS = {"AzureWebJobsStorage": "x", "ServiceBusConnection": "x"}

_LOCAL_MODEL = "Local model server"
_PLATFORM = "Platform"
ELSEWHERE = (
    Setting("AzureWebJobsStorage__queueServiceUri", area=_PLATFORM, form=Form.ADDRESS, effect="read by the host"),
    Setting("AzureWebJobsStorage__credential", area=_PLATFORM, effect="read by the host: `managedidentity`"),
    Setting("ServiceBusConnection__credential", area=_PLATFORM, effect="read by the host: `managedidentity`"),
    Setting(
        "AZURE_CLIENT_ID",
        area=_PLATFORM,
        effect="read by the Azure SDK: client id of the identity that model endpoints are called with",
    ),
    Setting(
        "PYTHON_ENABLE_OPENTELEMETRY",
        area=_PLATFORM,
        effect="read by Microsoft's worker: `true` as host.json sets `telemetryMode` ([telemetry.md](telemetry.md))",
    ),
    Setting("OTEL_TRACES_SAMPLER", area=_PLATFORM, effect="read by the host: how it samples traces"),
    Setting("OTEL_TRACES_SAMPLER_ARG", area=_PLATFORM, effect="read by the host: the share of traces that it records"),
    Setting(
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
        area=_PLATFORM,
        effect="read by the host and by the exporter `azure`: the identity that telemetry is sent with",
    ),
    Setting(
        "SLUICE_MODEL_GGUF",
        area=_LOCAL_MODEL,
        form=Form.PATH,
        effect="a GGUF file to serve instead of the demonstration engine",
    ),
    Setting(
        "SLUICE_MODEL_URL",
        area=_LOCAL_MODEL,
        form=Form.ADDRESS,
        effect="base URL of an OpenAI-compatible server to use instead, such as `http://localhost:11434/v1`",
    ),
    Setting("SLUICE_MODEL_NAME", area=_LOCAL_MODEL, effect="model name for that server"),
    Setting("SLUICE_MODEL_KEY", area=_LOCAL_MODEL, form=Form.SECRET, effect="key for that server"),
    Setting(
        "SLUICE_SMOKE_TEST",
        area="Development and deployment",
        effect="read by the hook after `azd up`; see [deployment.md](deployment.md)",
    ),
    Setting(
        "SLUICE_TEST_GGUF",
        area="Development and deployment",
        form=Form.PATH,
        effect="a GGUF file that `make accept` serves",
    ),
)
"""Read by others than shared/config.py: the platform, the local stack, hooks."""


AREAS = (
    "Storage and Service Bus",
    "Model",
    "Quota",
    "Reasoning deployment",
    "Transcription deployment",
    "Jobs",
    "HTTP",
    "Feedback",
    "Reasoning",
    "Audio",
    "Runs",
    "Retention",
    "Logs",
    "Telemetry",
    "The `sluice` command",
    "Local model server",
    _PLATFORM,
)
"""In the order of the documentation. Others come before those of the platform."""


@cache
def catalogue() -> tuple[Setting, ...]:
    """All settings, by area, in the order in which they are read."""
    return settings_of(_PLACEHOLDERS)


def read_all(env: Mapping[str, str]) -> None:
    """Look everything up: `Settings.from_env` and all functions of shared/config.py that take an environment.

    Raises:
        ConfigurationError: a value is missing or wrong.
    """
    config.Settings.from_env(env)
    for name, function in inspect.getmembers(config, inspect.isfunction):
        if not name.startswith("_") and "env" in inspect.signature(function).parameters:
            function(env)


def settings_of(values: Mapping[str, str]) -> tuple[Setting, ...]:
    """The same, with the defaults that follow from these values.

    Raises:
        ConfigurationError: a value is missing or wrong.
    """
    env = NotedEnvironment(values)
    read_all(env)
    found = (*env.noted.values(), *(setting for setting in ELSEWHERE if setting.name not in env.noted))
    return tuple(sorted(found, key=lambda setting: _place(setting.area)))


def _place(area: str) -> float:
    return AREAS.index(area) if area in AREAS else AREAS.index(_PLATFORM) - 0.5


@cache
def by_name() -> dict[str, Setting]:
    """The settings by each name that is accepted for them."""
    found = {alias: setting for setting in catalogue() for alias in setting.aliases}
    return found | {setting.name: setting for setting in catalogue()}
