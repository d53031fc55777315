"""Settings of traces, metrics and exported logs. Read through shared/config.py, as all settings are."""

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir

from shared.config_reader import Reader
from shared.config_setting import Form, shown
from shared.errors import ConfigurationError

EXPORTERS = ("azure", "otlp", "file", "console", "prometheus")
SIGNALS = ("traces", "metrics", "logs")
OFF = "off"
AREA = "Telemetry"


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """What is recorded, and where it goes.

    Attributes:
        exporters: of EXPORTERS; none means that nothing is recorded. `prometheus` keeps metrics for whoever asks.
        signals: of SIGNALS, that the other exporters send.
        sample_ratio: the share of traces that is recorded.
        interval_s: between exports of metrics.
        folder: of the exporter `file`.
        max_bytes: most that the files of one signal may take there.
        connection_string: of Application Insights.
        app: name of the service.
        instance: name of this machine, container or instance; the process is added to it.
        secrets: values that must not be in any exported log.
    """

    exporters: tuple[str, ...]
    signals: tuple[str, ...]
    sample_ratio: float
    interval_s: float
    folder: Path
    max_bytes: int
    connection_string: str | None = field(default=None, repr=False)
    app: str = "sluice"
    instance: str = "machine"
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def on(self) -> bool:
        """Whether anything is recorded."""
        return bool(self.exporters)

    def file_of(self, signal: str) -> Path:
        """Where the exporter `file` writes a signal: JSON lines as OTLP defines them."""
        return self.folder / f"{signal}.jsonl"


def read_telemetry_settings(
    reader: Reader, app: str, instance: str, secrets: tuple[str, ...] = ()
) -> TelemetrySettings:
    """Read and check them.

    Raises:
        ConfigurationError: names the setting that is wrong.
    """
    reader = reader.of(AREA)
    connection_string = reader.of("Platform").text(
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        form=Form.SECRET,
        effect="Application Insights, for the host and for `SLUICE_TELEMETRY`",
    )
    exporters = _exporters(reader, connection_string)
    folder = reader.path(
        "SLUICE_TELEMETRY_DIR",
        default_is="`sluice-telemetry` in the folder for temporary files",
        effect="where the exporter `file` writes",
    )
    return TelemetrySettings(
        exporters=exporters,
        signals=_names(
            reader,
            "SLUICE_TELEMETRY_SIGNALS",
            ",".join(SIGNALS),
            SIGNALS,
            effect="what is sent. The local stack sets `traces`: log lines have files of their own",
        ),
        sample_ratio=reader.number(
            "SLUICE_TELEMETRY_SAMPLE_RATIO",
            1.0,
            low=0,
            high=1,
            unit="share",
            effect="share of traces that is recorded. In Azure `tracedShare` sets it for host and app",
        ),
        interval_s=reader.number(
            "SLUICE_TELEMETRY_INTERVAL_S", 60.0, low=0.1, high=3600, effect="time between exports of metrics"
        ),
        folder=folder or Path(gettempdir()) / "sluice-telemetry",
        max_bytes=reader.whole(
            "SLUICE_TELEMETRY_MAX_BYTES",
            50_000_000,
            low=10_000,
            high=1_000_000_000_000,
            effect="most that the files of one signal take",
        ),
        connection_string=connection_string,
        app=app,
        instance=instance,
        secrets=secrets,
    )


def _exporters(reader: Reader, connection_string: str | None) -> tuple[str, ...]:
    """As set, else those whose address is set, as the Functions host chooses its own."""
    named = _names(
        reader,
        "SLUICE_TELEMETRY",
        "",
        (*EXPORTERS, OFF),
        default_is="`azure` or `otlp` where its address is set, else `off`",
        effect="where traces, metrics and logs go: some of `azure`, `otlp`, `file`, `console`, `prometheus`; or `off`. "
        "See [telemetry.md](telemetry.md)",
    )
    endpoint = reader.text(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        form=Form.ADDRESS,
        effect="of an OpenTelemetry collector, such as `http://localhost:4318`. The host reads it, too",
    )
    if OFF in named:
        return ()
    if not named:
        return tuple(
            name for name, address in (("azure", connection_string), ("otlp", endpoint)) if address is not None
        )
    if "azure" in named and connection_string is None:
        raise ConfigurationError(
            "The setting SLUICE_TELEMETRY names azure, and APPLICATIONINSIGHTS_CONNECTION_STRING is missing.",
            field="APPLICATIONINSIGHTS_CONNECTION_STRING",
        )
    return named


def _names(
    reader: Reader, name: str, default: str, known: tuple[str, ...], *, effect: str, default_is: str = ""
) -> tuple[str, ...]:
    given = tuple(part.lower() for part in reader.names(name, default, effect=effect, default_is=default_is))
    if unknown := [part for part in given if part not in known]:
        raise ConfigurationError(
            f"The setting {name} must name some of {', '.join(known)}, not {shown(unknown[0])}.", field=name
        )
    return tuple(dict.fromkeys(given))
