"""What telemetry costs: the no-op function of `sluice bench host`, with and without spans and metrics of each message.

Three apps empty the same queue, in turns within a round, each round in another order: one without any code of
telemetry, one that has it and where it is off, and one that records a span and a metric for each message, as the
app does for every message in the local stack. Every message carries the trace context of a sender.
"""

import asyncio
import random
import statistics
import tempfile
from pathlib import Path

from benchmarks.host import Drained, drain_by_host, fill, service_bus, write_app
from benchmarks.report import Row, show

ROOT = Path(__file__).parents[1]
AIM = 0.9
_WARM_UP = 500
"""Messages that aren't timed: with the first, the libraries are loaded."""
WITHOUT, OFF, ON = "no code of telemetry", "telemetry off", "spans and metrics"
_PLAIN = """
import azure.functions as func
app = func.FunctionApp()
@app.service_bus_queue_trigger(arg_name="message", queue_name="noop", connection="ServiceBusConnection")
async def noop(message: func.ServiceBusMessage) -> None:
    pass
"""
_TRACED = """
import azure.functions as func
from shared.telemetry.messaging import processing
from shared.telemetry.start import start_telemetry
app = func.FunctionApp()
@app.service_bus_queue_trigger(arg_name="message", queue_name="noop", connection="ServiceBusConnection")
async def noop(message: func.ServiceBusMessage) -> None:
    start_telemetry()
    sent = message.application_properties["traceparent"]
    with processing("noop", message.message_id, sent, delivery_count=message.delivery_count):
        pass
"""


def run(rounds: int, messages: int, *, as_json: bool) -> float:
    """Measure, print, and return the median of the rounds' ratios (with telemetry over without)."""
    drained: dict[str, list[Drained]] = {WITHOUT: [], OFF: [], ON: []}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        plain, traced = write_app(root / "plain", _PLAIN), write_app(root / "traced", _TRACED)
        spans = root / "telemetry"
        sides = {
            WITHOUT: (plain, {}),
            OFF: (traced, {"SLUICE_TELEMETRY": "off"}),
            ON: (
                traced,
                {
                    "SLUICE_TELEMETRY": "file,prometheus",
                    "SLUICE_TELEMETRY_SIGNALS": "traces",
                    "SLUICE_TELEMETRY_DIR": str(spans),
                },
            ),
        }
        with service_bus(root) as connection_string:
            for number in range(rounds):
                for name in _rotated(list(sides), number):
                    app, settings = sides[name]
                    asyncio.run(fill(connection_string, _WARM_UP + messages, _sent))
                    env = {"PYTHONPATH": str(ROOT), **settings}
                    drained[name].append(drain_by_host(app, connection_string, env, warm_up=_WARM_UP))
        if not (spans / "traces.jsonl").exists():
            raise AssertionError("nothing was recorded")
    rates = {name: [messages / one.seconds for one in of_side] for name, of_side in drained.items()}
    cpu_us = {name: [one.cpu_s / messages * 1e6 for one in of_side] for name, of_side in drained.items()}
    rows = [_row(name, values, "messages/s") for name, values in rates.items()]
    rows += [_row(f"processor time: {name}", values, "µs/message") for name, values in cpu_us.items()]
    ratio = statistics.median(on / without for on, without in zip(rates[ON], rates[WITHOUT], strict=True))
    title = f"Throughput of {messages} messages of 100 bytes, {rounds} rounds"
    show(title, rows, (f"{ON} / {WITHOUT}, median of the rounds", ratio, f"at least {AIM}"), as_json=as_json)
    return ratio


def _row(name: str, values: list[float], unit: str) -> Row:
    return Row(name, statistics.median(values), min(values), max(values), unit)


def _rotated(names: list[str], by: int) -> list[str]:
    first = by % len(names)
    return names[first:] + names[:first]


def _sent() -> dict[str, str]:
    """What a sender that traces gives each message."""
    return {"traceparent": f"00-{random.getrandbits(128):032x}-{random.getrandbits(64):016x}-01"}
