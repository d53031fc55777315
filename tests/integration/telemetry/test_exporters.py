"""What leaves the process, as an OTLP endpoint and as Application Insights get it over HTTP."""

import gzip
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from shared.config import telemetry_settings
from shared.telemetry import start
from shared.telemetry.events import log_event
from shared.telemetry.metrics import increment_counter
from shared.telemetry.tracing import Kind, get_tracer

KEY = "00000000-0000-0000-0000-000000000001"
tracer = get_tracer(__name__)
logger = logging.getLogger("shared.jobs.publisher")


class Endpoint:
    """Takes whatever is sent, and keeps it by path."""

    def __init__(self) -> None:
        self.got: dict[str, list[Any]] = {}
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                items = json.loads(body)
                endpoint.got.setdefault(self.path, []).extend(items if isinstance(items, list) else [items])
                count = len(items) if isinstance(items, list) else 0
                answer = json.dumps({"itemsReceived": count, "itemsAccepted": count, "errors": []}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL", "true")  # it would leave the machine
    monkeypatch.setenv("APPLICATIONINSIGHTS_SDKSTATS_DISABLED", "true")
    found = Endpoint()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.INFO)
    try:
        yield found
    finally:
        start.stop_telemetry()
        logging.getLogger().setLevel(level)
        found.server.shutdown()
        thread.join()
        found.server.server_close()


def work() -> str:
    """One span of each kind that matters, a metric and two log lines. Returns the trace's id."""
    with (
        tracer.start_span("process in", kind=Kind.CONSUMER) as span,
        tracer.start_span("chat gpt", kind=Kind.CLIENT, tags={"gen_ai.request.model": "gpt"}),
    ):
        log_event(logger, "job_published", job_id="j1", kind="feedback", status="failed")
        try:
            raise ValueError
        except ValueError:
            logger.exception("job_fault job_id=j1")
    increment_counter("sluice.jobs.ended", 2)
    return (span.traceparent or "")[3:35]


def items_of(sent: list[Any], *names: str) -> list[Any]:
    """What OTLP nests, of all batches: on a slow machine there are several."""
    for name in names:
        sent = [item for outer in sent for item in outer[name]]
    return sent


def test_an_otlp_endpoint_gets_all_three(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.url)
    start.start_telemetry(telemetry_settings())
    trace_id = work()
    start.stop_telemetry()

    spans = items_of(endpoint.got["/v1/traces"], "resourceSpans", "scopeSpans", "spans")
    assert [(span["name"], span["traceId"]) for span in spans] == [("chat gpt", trace_id), ("process in", trace_id)]
    lines = items_of(endpoint.got["/v1/logs"], "resourceLogs", "scopeLogs", "logRecords")
    assert [line["traceId"] for line in lines if "job_id=j1" in line["body"]["stringValue"]] == [trace_id, trace_id]
    metrics = endpoint.got["/v1/metrics"][-1]["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
    assert [metric["name"] for metric in metrics] == ["sluice.jobs.ended"]


def test_application_insights_gets_each_once_in_the_tables_that_alerts_look_at(endpoint: Endpoint) -> None:
    env = {"APPLICATIONINSIGHTS_CONNECTION_STRING": f"InstrumentationKey={KEY};IngestionEndpoint={endpoint.url}"}
    start.start_telemetry(telemetry_settings(env))
    trace_id = work()
    start.stop_telemetry()

    items = [item for sent in endpoint.got.values() for item in sent]
    by_type: dict[str, list[Any]] = {}
    for item in items:
        by_type.setdefault(item["data"]["baseType"], []).append(item)
    assert set(by_type) == {"RequestData", "RemoteDependencyData", "MessageData", "MetricData"}
    (request,), (call,) = by_type["RequestData"], by_type["RemoteDependencyData"]
    assert (request["data"]["baseData"]["name"], call["data"]["baseData"]["name"]) == ("process in", "chat gpt")
    assert call["tags"]["ai.operation.parentId"] == request["data"]["baseData"]["id"]
    assert {item["tags"]["ai.operation.id"] for item in (request, call, *by_type["MessageData"])} == {trace_id}
    messages = [item["data"]["baseData"]["message"] for item in by_type["MessageData"]]
    assert messages == ["job_published job_id=j1 kind=feedback status=failed", "job_fault job_id=j1"]
    values = [item["data"]["baseData"]["metrics"][0] for item in by_type["MetricData"]]
    assert [value["value"] for value in values if value["name"] == "sluice.jobs.ended"] == [2]
    assert {item["tags"]["ai.cloud.role"] for item in (request, call, *by_type["MessageData"])} == {"sluice"}
