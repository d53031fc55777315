"""What Prometheus gets: the metrics of this process, and figures that belong to the app as a whole."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector


@dataclass(frozen=True, slots=True)
class Figure:
    """A gauge that every instance tells alike, as it is read from the store.

    Attributes:
        values: by the values of `labels`.
    """

    name: str
    description: str
    labels: Sequence[str]
    values: Mapping[tuple[str, ...], float]


class _Figures(Collector):
    def __init__(self, figures: Iterable[Figure]) -> None:
        self._figures = figures

    def collect(self) -> Iterable[GaugeMetricFamily]:
        for figure in self._figures:
            family = GaugeMetricFamily(figure.name, figure.description, labels=figure.labels)
            for labels, value in sorted(figure.values.items()):
                family.add_metric(labels, value)
            yield family


class _Both(Collector):
    """Asks several for what they have."""

    def __init__(self, *collectors: Collector | CollectorRegistry) -> None:
        self._collectors = collectors

    def collect(self) -> Iterable[GaugeMetricFamily]:
        for collector in self._collectors:
            yield from collector.collect()  # type: ignore[misc]


def render(process: CollectorRegistry | None, figures: Iterable[Figure], accept: str = "") -> tuple[bytes, str]:
    """The body and content type of an answer to Prometheus.

    Args:
        process: of this process's metrics; None where telemetry is off.
        accept: header of the request: Prometheus asks for OpenMetrics where it understands that.
    """
    encode, content_type = choose_encoder(accept)
    whole = CollectorRegistry(auto_describe=False)
    whole.register(_Both(_Figures(figures), *([] if process is None else [process])))
    return encode(whole), content_type
