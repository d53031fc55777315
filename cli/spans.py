"""Reads the spans that this machine's processes have written: files of JSON lines as OTLP defines them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.telemetry.bounded_file import lines

# OTLP, trace.proto: SpanKind and StatusCode, which its JSON writes as numbers.
_KINDS = {1: "INTERNAL", 2: "SERVER", 3: "CLIENT", 4: "PRODUCER", 5: "CONSUMER"}
_ERROR = 2


@dataclass(frozen=True, slots=True)
class SpanRow:
    """One span.

    Attributes:
        start_s, end_s: seconds since 1970.
        kind: "INTERNAL", "SERVER", "CLIENT", "PRODUCER" or "CONSUMER".
        links: trace id and span id of each.
        failed: whether it is marked as an error.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    start_s: float
    end_s: float
    tags: Mapping[str, Any]
    links: tuple[tuple[str, str], ...]
    failed: bool


def traces_of_job(path: Path, job_id: str) -> list[list[SpanRow]]:
    """All spans of each trace that names a job, by their start. The traces, too, in the order of their begin.

    A trace of many jobs, such as the pump's, names none.
    """
    ids = {
        span.trace_id
        for span in _spans(path, f'"{job_id}"')
        if job_id in (span.tags.get("sluice.job.id"), span.tags.get("messaging.message.id"))
    }
    return sorted((spans_of(path, one) for one in ids), key=lambda spans: _begin(spans[0]))


def tree(spans: Sequence[SpanRow]) -> list[tuple[int, SpanRow]]:
    """Spans with their depth, each below its parent. Those whose parent isn't there are roots."""
    known = {span.span_id for span in spans}
    children: dict[str, list[SpanRow]] = {}
    for span in spans:
        children.setdefault(span.parent_id if span.parent_id in known else "", []).append(span)
    found: list[tuple[int, SpanRow]] = []
    waiting = [(0, span) for span in reversed(children.get("", []))]
    while waiting:
        depth, span = waiting.pop()
        found.append((depth, span))
        waiting += [(depth + 1, child) for child in reversed(children.pop(span.span_id, []))]
    return found


def spans_of(path: Path, trace_id: str) -> list[SpanRow]:
    """All spans of a trace, each once, by their start."""
    found = {span.span_id: span for span in _spans(path, trace_id) if span.trace_id == trace_id}
    return sorted(found.values(), key=_begin)


def _spans(path: Path, text: str) -> Iterator[SpanRow]:
    """Of the lines that hold a text. A line that isn't whole, or not of this form, is skipped."""
    for line in lines(path):
        if text not in line:
            continue
        try:
            yield from list(_read(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue


def _read(batch: Mapping[str, Any]) -> Iterator[SpanRow]:
    for resource in batch["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                yield SpanRow(
                    trace_id=span["traceId"],
                    span_id=span["spanId"],
                    parent_id=span.get("parentSpanId", ""),
                    name=span["name"],
                    kind=_KINDS[span.get("kind", 1)],
                    start_s=int(span["startTimeUnixNano"]) / 1e9,
                    end_s=int(span["endTimeUnixNano"]) / 1e9,
                    tags={tag["key"]: _value(tag["value"]) for tag in span.get("attributes", ())},
                    links=tuple((link["traceId"], link["spanId"]) for link in span.get("links", ())),
                    failed=span.get("status", {}).get("code") == _ERROR,
                )


def _value(value: Mapping[str, Any]) -> Any:
    """OTLP's AnyValue. Whole numbers are texts there, as JSON's are not exact."""
    for kind, found in value.items():
        if kind == "intValue":
            return int(found)
        return [_value(one) for one in found.get("values", ())] if kind == "arrayValue" else found
    return None


def _begin(span: SpanRow) -> float:
    return span.start_s
