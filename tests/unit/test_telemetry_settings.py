"""Settings of telemetry."""

from pathlib import Path

import pytest

from shared.config import Settings, telemetry_settings
from shared.errors import ConfigurationError

AZURE = {"APPLICATIONINSIGHTS_CONNECTION_STRING": "InstrumentationKey=x"}
OTLP = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}


def test_defaults() -> None:
    settings = telemetry_settings({})
    assert (settings.on, settings.exporters, settings.sample_ratio) == (False, (), 1.0)
    assert settings.signals == ("traces", "metrics", "logs")
    assert (settings.interval_s, settings.max_bytes) == (60.0, 50_000_000)
    assert settings.file_of("traces") == settings.folder / "traces.jsonl"


@pytest.mark.parametrize(
    ("env", "exporters"),
    [
        (AZURE, ("azure",)),
        (OTLP, ("otlp",)),
        ({**AZURE, **OTLP}, ("azure", "otlp")),
        ({**AZURE, "SLUICE_TELEMETRY": "off"}, ()),
        ({**AZURE, "SLUICE_TELEMETRY": " File, prometheus ,file"}, ("file", "prometheus")),
        ({**AZURE, "SLUICE_TELEMETRY": "azure"}, ("azure",)),
    ],
)
def test_where_it_goes(env: dict[str, str], exporters: tuple[str, ...]) -> None:
    assert telemetry_settings(env).exporters == exporters


def test_what_can_be_set() -> None:
    env = {
        "SLUICE_TELEMETRY": "console",
        "SLUICE_TELEMETRY_SIGNALS": "logs,traces",
        "SLUICE_TELEMETRY_SAMPLE_RATIO": "0.05",
        "SLUICE_TELEMETRY_DIR": "/var/spans",
        "SLUICE_LOGS_APP": "shop",
    }
    settings = telemetry_settings(env)
    assert (settings.signals, settings.sample_ratio, settings.app) == (("logs", "traces"), 0.05, "shop")
    assert settings.folder == Path("/var/spans")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("SLUICE_TELEMETRY", "file,jaeger", "azure, otlp, file, console, prometheus, off, not 'jaeger'"),
        ("SLUICE_TELEMETRY", "azure", "APPLICATIONINSIGHTS_CONNECTION_STRING is missing"),
        ("SLUICE_TELEMETRY_SIGNALS", "spans", "traces, metrics, logs, not 'spans'"),
        ("SLUICE_TELEMETRY_SAMPLE_RATIO", "10", "from 0 to 1"),
        ("SLUICE_TELEMETRY_MAX_BYTES", "1", "from 10,000"),
    ],
)
def test_what_is_wrong_is_told(name: str, value: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        telemetry_settings({name: value})


def test_they_are_part_of_all_settings() -> None:
    env = {"AzureWebJobsStorage": "x", "ServiceBusConnection": "x", "SLUICE_TELEMETRY": "file"}
    assert Settings.from_env(env).telemetry.exporters == ("file",)


def test_the_connection_string_is_not_shown() -> None:
    assert "InstrumentationKey" not in repr(telemetry_settings(AZURE))
