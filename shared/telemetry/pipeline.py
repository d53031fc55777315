"""What records traces, metrics and logs in this process, made of the settings. Never imported at indexing."""

import logging
import os
from importlib.metadata import PackageNotFoundError, version

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased
from prometheus_client import CollectorRegistry

from shared.telemetry.exporters import EXPORT_DELAY_MS, QUEUE, log_exporters, metric_exporters, span_processors
from shared.telemetry.log_export import LogExportHandler
from shared.telemetry.metrics import use_meter_provider
from shared.telemetry.redaction import Redactor
from shared.telemetry.tracing import chosen_span_id, use_tracer_provider
from shared.telemetry_settings import TelemetrySettings

_INSTANCE = "service.instance.id"
_FLUSH_MS = 3_000


class Pipeline:
    """The providers of this process. `start` plugs them in.

    Attributes:
        registry: what Prometheus gets of this process's metrics; None where none are kept.
    """

    def __init__(self, settings: TelemetrySettings) -> None:
        resource = Resource.create(
            {
                "service.name": settings.app,
                _INSTANCE: f"{settings.instance}-{os.getpid()}",
                "service.version": _version(),
            }
        )
        self.registry: CollectorRegistry | None = None
        self._tracer = _tracer_provider(settings, resource) if "traces" in settings.signals else None
        self._meter = self._meter_provider(settings, resource)
        self._logger = _logger_provider(settings, resource) if "logs" in settings.signals else None
        self._handler: logging.Handler | None = None
        self._secrets = settings.secrets

    def start(self) -> None:
        """From now on this process records."""
        use_tracer_provider(self._tracer)
        use_meter_provider(self._meter)
        if self._logger is not None:
            self._handler = LogExportHandler(self._logger, Redactor(self._secrets))
            logging.getLogger().addHandler(self._handler)

    def flush(self) -> None:
        """Send what there is, within seconds. Harmless to call again."""
        for provider in (self._tracer, self._logger, self._meter):
            if provider is not None:
                provider.force_flush(_FLUSH_MS)

    def stop(self) -> None:
        """Send what there is, and record no more."""
        use_tracer_provider(None)
        use_meter_provider(None)
        if self._handler is not None:
            logging.getLogger().removeHandler(self._handler)
        for provider in (self._tracer, self._logger, self._meter):
            if provider is not None:
                provider.shutdown()

    def _meter_provider(self, settings: TelemetrySettings, resource: Resource) -> MeterProvider | None:
        readers: list[MetricReader] = []
        if "prometheus" in settings.exporters:
            self.registry = CollectorRegistry()
            readers.append(
                PrometheusMetricReader(
                    scope_info_enabled=False,
                    # Without it, the figures of one process would take the place of another's.
                    resource_attribute_filter=lambda name: name == _INSTANCE,
                    registry=self.registry,
                )
            )
        if "metrics" in settings.signals:
            for exporter in metric_exporters(settings):
                readers.append(PeriodicExportingMetricReader(exporter, settings.interval_s * 1000))
        return MeterProvider(readers, resource) if readers else None


def sampler_of(settings: TelemetrySettings) -> Sampler:
    """Which traces are recorded: by their ids, so that all processes decide alike; never one that a sender left out.

    In Azure the host decides before us, also by ids but by another formula (OTEL_TRACES_SAMPLER): there, what it has
    let through isn't asked again.
    """
    share = TraceIdRatioBased(settings.sample_ratio)
    return ParentBased(root=share, remote_parent_sampled=ALWAYS_ON if "azure" in settings.exporters else share)


class ChosenIds(RandomIdGenerator):
    """Random ids, but for a span that others were told of before."""

    def generate_span_id(self) -> int:
        """See IdGenerator."""
        return chosen_span_id.get() or super().generate_span_id()


def _tracer_provider(settings: TelemetrySettings, resource: Resource) -> TracerProvider | None:
    provider = TracerProvider(sampler_of(settings), resource, id_generator=ChosenIds())
    processors = span_processors(settings, provider)
    for processor in processors:
        provider.add_span_processor(processor)
    return provider if processors else None


def _logger_provider(settings: TelemetrySettings, resource: Resource) -> LoggerProvider | None:
    exporters = log_exporters(settings)
    if not exporters:
        return None
    provider = LoggerProvider(resource)
    for exporter in exporters:
        provider.add_log_record_processor(BatchLogRecordProcessor(exporter, EXPORT_DELAY_MS, max_queue_size=QUEUE))
    return provider


def _version() -> str:
    try:
        return version("sluice")
    except PackageNotFoundError:  # deployed, it is a folder and no package
        return "0"
