"""One trace for each job, from whoever sent it to its outcome; and nothing of a job's contents in any telemetry."""

import asyncio
import json
import re
import time
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusClient
from opentelemetry.semconv._incubating.attributes import (
    azure_attributes,
    error_attributes,
    gen_ai_attributes,
    messaging_attributes,
    server_attributes,
)

from cli.spans import SpanRow, spans_of, traces_of_job
from local.stack_parts import DEPLOYMENT, TRANSCRIPTION_DEPLOYMENT
from tests.e2e.conftest import System
from tests.e2e.test_audio import SPEECH, upload

_ARRIVAL_S = 30.0
_CONVENTIONS = {
    value
    for module in (azure_attributes, error_attributes, gen_ai_attributes, messaging_attributes, server_attributes)
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, str)
}
_STEPWISE = {
    "send {kind}-in": None,
    "process {kind}-in": "send {kind}-in",
    "send {run}": "process {kind}-in",
    "process {run}": "send {run}",
    "orchestration:job_steps": "process {run}",
    "activity:job_next_round": "orchestration:job_steps",
    f"admit {DEPLOYMENT}": "orchestration:job_steps",
    "activity:job_step_call": "orchestration:job_steps",
    f"chat {DEPLOYMENT}": "activity:job_step_call",
    "send {kind}-out": "activity:job_next_round",
}


def stepwise(kind: str, run: str) -> dict[str, str | None]:
    """Who belongs to whom, by name, in the trace of a job of several calls."""
    return {
        name.format(kind=kind, run=run): None if parent is None else parent.format(kind=kind, run=run)
        for name, parent in _STEPWISE.items()
    }


PARENTS: dict[str, dict[str, str | None]] = {
    "feedback": {
        "send feedback-in": None,
        "process feedback-in": "send feedback-in",
        f"admit {DEPLOYMENT}": "process feedback-in",
        "send feedback-run": "process feedback-in",
        "process feedback-run": "send feedback-run",
        f"chat {DEPLOYMENT}": "process feedback-run",
        "send feedback-out": "process feedback-run",
    },
    "reasoning": {
        name.format(kind="reasoning", run="reasoning-run"): parent
        and parent.format(kind="reasoning", run="reasoning-run")
        for name, parent in _STEPWISE.items()
    },
    "audio": {
        **{
            name.format(kind="audio", run="audio-prepare"): parent and parent.format(kind="audio", run="audio-prepare")
            for name, parent in _STEPWISE.items()
        },
        "prepare recording": "process audio-prepare",
        f"admit {TRANSCRIPTION_DEPLOYMENT}": "orchestration:job_steps",
        f"transcription {TRANSCRIPTION_DEPLOYMENT}": "activity:job_step_call",
    },
}
PARENTS["feedback-without-sender"] = {
    name: parent for name, parent in PARENTS["feedback"].items() if name != "send feedback-in"
}
KINDS = {"send": "PRODUCER", "process": "CONSUMER", "chat": "CLIENT", "transcription": "CLIENT"}


def spans_file(system: System) -> Path:
    return Path(system.env["SLUICE_TELEMETRY_DIR"]) / "traces.jsonl"


async def trace_of(system: System, job_id: str, kind: str) -> list[SpanRow]:
    """The one trace of a job, once all of it is written: the exporters do so every second."""
    deadline = time.monotonic() + _ARRIVAL_S
    while True:
        traces = traces_of_job(spans_file(system), job_id)
        names = {span.name for spans in traces for span in spans}
        if names >= PARENTS[kind].keys() or time.monotonic() > deadline:
            assert len(traces) == 1, [[span.name for span in spans] for spans in traces]
            return traces[0]
        await asyncio.sleep(0.1)


def check_parents(spans: Sequence[SpanRow], parents: Mapping[str, str | None]) -> None:
    names = {span.span_id: span.name for span in spans}
    found = {(span.name, names.get(span.parent_id)) for span in spans}
    # A call that missed its booking brings about more of the same.
    assert found == set(parents.items())
    assert [span.parent_id for span in spans if span.name == spans[0].name] == [""]


def check_names(spans: Sequence[SpanRow]) -> None:
    for span in spans:
        first = span.name.split(" ")[0].split(":")[0]
        assert span.kind == KINDS.get(first, "INTERNAL"), span
        own = {name for name in span.tags if name.startswith(("sluice.", "durabletask."))}
        assert span.tags.keys() - own <= _CONVENTIONS, span.name
        if first in ("send", "process"):
            assert span.tags["messaging.system"] == "servicebus"
            assert span.tags["messaging.operation.type"] == span.tags["messaging.operation.name"] == first
            assert span.name == f"{first} {span.tags['messaging.destination.name']}"
            assert span.tags["messaging.message.id"]
        if span.kind == "CLIENT":
            assert span.name == f"{span.tags['gen_ai.operation.name']} {span.tags['gen_ai.request.model']}"
            assert span.tags["gen_ai.provider.name"] == "azure.ai.openai"
            assert span.tags["server.address"] == "127.0.0.1"


def check_links(system: System, spans: Sequence[SpanRow]) -> None:
    """What the pump let through has a link to the cycle that did it, which is no part of the trace."""
    admitted = [span for span in spans if span.name.startswith("admit ")]
    assert admitted
    for span in admitted:
        ((trace_id, span_id),) = span.links
        assert trace_id != span.trace_id
        cycle = {one.span_id: one for one in spans_of(spans_file(system), trace_id)}[span_id]
        assert cycle.name == f"pump {span.tags['gen_ai.request.model']}"
        assert cycle.tags["sluice.pump.booked"] >= 1


def send(system: System, kind: str, unique: str, source: Path) -> str:
    sent = system.sluice("send", kind, str(source), "--run", unique, "--wait", "--json")
    assert sent.returncode == 0, sent.stderr
    return json.loads(sent.stdout.splitlines()[0])["job_id"]


@pytest.mark.parametrize("kind", ["feedback", "reasoning", "audio"])
async def test_a_job_is_one_trace_with_the_right_parents_and_links(
    system: System, unique: str, kind: str, tmp_path: Path
) -> None:
    bodies: dict[str, dict[str, object]] = {
        "feedback": {"text": "The parcel was late."},
        "reasoning": {"task": "What is late?", "inputs": [{"id": "a", "text": "The parcel was late."}]},
        "audio": {"audio": f"audio-sent/{unique}.flac", "analyse": "summary"},
    }
    if kind == "audio":
        upload(system, f"{unique}.flac", SPEECH.read_bytes())
    source = tmp_path / "job.json"
    source.write_text(json.dumps(bodies[kind]))

    job_id = send(system, kind, unique, source)
    spans = await trace_of(system, job_id, kind)

    check_parents(spans, PARENTS[kind])
    check_names(spans)
    check_links(system, spans)
    calls = [span for span in spans if span.kind == "CLIENT" and not span.failed]
    assert sum(span.tags.get("gen_ai.usage.output_tokens", 0) for span in calls) > 0
    written = Counter(re.findall(r'"spanId":"(\w+)"[^{]*"name"', spans_file(system).read_text()))
    assert [span.name for span in spans if written[span.span_id] > 1] == []
    if kind == "feedback":
        check_outcome_carries_on(system, job_id, spans)
    else:
        check_orchestration(spans)


def check_orchestration(spans: Sequence[SpanRow]) -> None:
    """Once, however often it was replayed, and as long as all that belongs to it."""
    (whole,) = [span for span in spans if span.name == "orchestration:job_steps"]
    parts = [span for span in spans if span.parent_id == whole.span_id]
    assert whole.start_s <= min(span.start_s for span in parts)
    assert whole.end_s > max(span.start_s for span in parts)
    steps = Counter(span.tags["sluice.step.name"] for span in parts if span.name == "activity:job_step_call")
    assert len(steps) >= 2


def check_outcome_carries_on(system: System, job_id: str, spans: Sequence[SpanRow]) -> None:
    (sent,) = [span for span in spans if span.name == "send feedback-out"]
    with (
        ServiceBusClient.from_connection_string(system.env["ServiceBusConnection"]) as client,
        client.get_queue_receiver("feedback-out") as receiver,
    ):
        after = 0
        while messages := receiver.peek_messages(250, sequence_number=after + 1):
            after = messages[-1].sequence_number or 0
            for message in messages:
                if message.message_id == f"{job_id}:0":
                    carried = (message.application_properties or {})[b"traceparent"]
                    assert carried == f"00-{sent.trace_id}-{sent.span_id}-01".encode()
                    return
    raise AssertionError("the outcome isn't in the queue")


def test_the_command_draws_it(system: System, unique: str, tmp_path: Path) -> None:
    source = tmp_path / "job.json"
    source.write_text(json.dumps({"text": "The parcel was late."}))
    job_id = send(system, "feedback", unique, source)
    deadline = time.monotonic() + _ARRIVAL_S
    while "send feedback-out" not in (drawn := system.sluice("trace", job_id)).stdout:
        assert time.monotonic() < deadline, drawn.stdout + drawn.stderr
    lines = drawn.stdout.splitlines()
    assert "trace " in lines[0]
    assert next(line for line in lines if f"chat {DEPLOYMENT}" in line).startswith(" " * 8 + "chat")
    assert "█" in lines[2]
    unknown = system.sluice("trace", "nobody")
    assert unknown.returncode == 4
    assert "There is no job nobody." in unknown.stderr


async def test_no_telemetry_holds_anything_of_a_jobs_contents(system: System, unique: str) -> None:
    marker = f"planted{unique}"
    planted = {"kind": "answer", "text": f"Not JSON but {marker}.", "match": {"contains": f"bad {marker}"}, "count": 2}
    system.control("POST", "faults", planted)
    feedback = {
        f"f-{unique}": {"text": f"A comment with {marker}.", "metadata": {"note": marker}},
        f"bad-{unique}": {"text": f"A bad {marker}: the model answers nonsense."},
        f"refused-{unique}": {"text": f"With {marker}", "rating": marker},
    }
    system.send({job_id: json.dumps(body).encode() for job_id, body in feedback.items()})
    reasoning = {"task": f"What of {marker}?", "inputs": [{"id": "a", "text": f"It is {marker}."}]}
    system.send({f"r-{unique}": json.dumps(reasoning).encode()}, queue="reasoning-in")
    missing = {"audio": f"audio-sent/{marker}.flac", "metadata": {"note": marker}}
    speech = {"audio": upload(system, f"{unique}.flac", SPEECH.read_bytes()), "prompt": f"A speech of {marker}."}
    audio = {f"a-{unique}": missing, f"s-{unique}": speech}
    system.send({job_id: json.dumps(body).encode() for job_id, body in audio.items()}, queue="audio-in")

    ended = await system.outcomes(list(feedback))
    assert {job_id: outcome["status"] for job_id, outcome in ended.items()} == {
        f"f-{unique}": "succeeded",
        f"bad-{unique}": "failed",
        f"refused-{unique}": "failed",
    }
    await system.outcomes([f"r-{unique}"], "reasoning")
    heard = await system.outcomes(list(audio), "audio")
    assert {job_id: outcome["status"] for job_id, outcome in heard.items()} == {
        f"a-{unique}": "failed",
        f"s-{unique}": "succeeded",
    }
    transcript = heard[f"s-{unique}"]["result"]["text"]
    assert transcript == "A fixed answer.", "this stack's model hears the same in everything"
    await trace_of(system, f"f-{unique}", "feedback-without-sender")

    written = telemetry(system)
    assert {signal: marker in text for signal, text in written.items()} == dict.fromkeys(written, False)
    assert {signal: transcript in text for signal, text in written.items()} == dict.fromkeys(written, False)
    assert "gen_ai.client.token.usage" in written["metrics"]
    assert "gen_ai.client.operation.duration" in written["metrics"]
    assert f"f-{unique}" in written["logs"]
    assert "job_published" in written["logs"]


def telemetry(system: System) -> dict[str, str]:
    folder = Path(system.env["SLUICE_TELEMETRY_DIR"])
    return {signal: (folder / f"{signal}.jsonl").read_text() for signal in ("traces", "metrics", "logs")}


async def test_prometheus_gets_the_figures_of_the_process_and_of_all_jobs(system: System, unique: str) -> None:
    system.send({f"p-{unique}": b'{"text": "Fine."}', f"q-{unique}": b"not json"})
    await system.outcomes([f"p-{unique}", f"q-{unique}"])

    def scrape() -> tuple[str, str]:
        with urllib.request.urlopen(f"{system.env['SLUICE_URL']}/api/metrics", timeout=30) as answer:  # noqa: S310 - loopback
            return answer.headers["Content-Type"], answer.read().decode()

    kind, text = await asyncio.to_thread(scrape)
    assert kind.startswith("text/plain; version=")
    assert re.search(r'sluice_jobs_ended_total\{[^}]*service_instance_id="[^"]+"[^}]*\} [1-9]', text)
    assert re.search(r'gen_ai_client_token_usage_bucket\{[^}]*gen_ai_token_type="input"[^}]*le="1024', text), text
    assert re.search(r'sluice_jobs\{kind="feedback",state="failed"\} [1-9]', text)
    assert re.search(r'sluice_jobs\{kind="feedback",state="succeeded"\} [1-9]', text)
    assert "sluice_calls_waiting{" in text or "# HELP sluice_calls_waiting" in text
