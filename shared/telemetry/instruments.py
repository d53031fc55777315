"""Every metric of ours: what it counts, in which unit. docs/telemetry.md has them as a table, which a test compares."""

from dataclasses import dataclass
from typing import Literal

# OpenTelemetry, "Semantic conventions for generative AI client metrics".
_TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
_CALL_S = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
# OpenTelemetry, "Semantic conventions for messaging client metrics".
_PROCESS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_WAIT_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14400, 86400)


@dataclass(frozen=True, slots=True)
class Instrument:
    """One metric.

    Attributes:
        unit: of UCUM, as OpenTelemetry writes them; what is counted stands in braces.
        buckets: upper bounds, of a histogram.
    """

    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    description: str
    buckets: tuple[float, ...] = ()


INSTRUMENTS: dict[str, Instrument] = {
    "gen_ai.client.token.usage": Instrument("histogram", "{token}", "Tokens of a model call, as billed.", _TOKENS),
    "gen_ai.client.operation.duration": Instrument("histogram", "s", "Duration of a model call.", _CALL_S),
    "messaging.process.duration": Instrument("histogram", "s", "Duration of processing a message.", _PROCESS_S),
    "messaging.client.sent.messages": Instrument("counter", "{message}", "Messages that were sent."),
    "sluice.jobs.accepted": Instrument("counter", "{job}", "Jobs that were taken in, those that failed at once too."),
    "sluice.jobs.ended": Instrument("counter", "{job}", "Jobs that ended, each once."),
    "sluice.jobs.retried": Instrument("counter", "{attempt}", "Attempts that failed and are made again."),
    "sluice.job.duration": Instrument("histogram", "s", "From a job's arrival to its end.", _WAIT_S),
    "sluice.call.wait": Instrument("histogram", "s", "How long a call waited for its booking.", _WAIT_S),
    "sluice.calls.booked": Instrument("counter", "{call}", "Calls that the pump let through."),
    "sluice.calls.missed": Instrument("counter", "{call}", "Bookings that came to nothing."),
    "sluice.calls.throttled": Instrument("counter", "{call}", "Calls that were answered with 429."),
    "sluice.calls.oldest_age": Instrument("gauge", "s", "Age of the oldest call that waits, as the pump last saw it."),
    "sluice.pump.duration": Instrument("histogram", "s", "Duration of one half of a cycle of the pump.", _PROCESS_S),
}
