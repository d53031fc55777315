"""What a log call costs the caller: our JSON lines with redaction, against plain logging with a rotating file handler.

All write to the same disk, in turns within a round. The queue variant is what was not chosen: the caller only queues
the record, and a thread writes the same line.
"""

import logging
import logging.handlers
import queue
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks.report import Row, show
from shared.log_settings import secret_values
from shared.telemetry.context import LoggingContext
from shared.telemetry.events import log_event
from shared.telemetry.formats import StructuredFormatter
from shared.telemetry.redaction import Redactor
from shared.telemetry.rotation import RotatingLogHandler

AIM = 1.3
REFERENCE = "RotatingFileHandler"
OURS = "ours"
_MAX_BYTES = 8_000_000
_ENV = {"AzureWebJobsStorage": f"AccountKey={'k' * 88}", "ServiceBusConnection": f"SharedAccessKey={'s' * 44}"}

type Call = Callable[[logging.Logger, int], None]


def _message(logger: logging.Logger, number: int) -> None:
    logger.info("job %s done attempt=%d in %.3f s", "run-000123", number, 0.512)


def _event(logger: logging.Logger, number: int) -> None:
    log_event(logger, "job_succeeded", job_id="run-000123", kind="feedback", attempt=number, duration_s=0.512)


CALLS: dict[str, Call] = {"a message": _message, "an event": _event}


def run(rounds: int, calls: int, *, as_json: bool) -> float:
    """Measure, print, and return the larger of the two ratios of medians."""
    timings: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, LoggingContext(job_id="run-000123", correlation_id="c-000123"):
        for _ in range(rounds + 1):
            for what, call in CALLS.items():
                for name, opened in HANDLERS.items():
                    with opened(Path(folder)) as handler:
                        timings.setdefault((what, name), []).append(_time_us(handler, call, calls))
    rows = []
    for (what, name), us in timings.items():
        warm = us[1:]
        rows.append(Row(f"{what}: {name}", statistics.median(warm), min(warm), max(warm), "µs"))
    medians = {row.name: row.median for row in rows}
    ratio = max(medians[f"{what}: {OURS}"] / medians[f"{what}: {REFERENCE}"] for what in CALLS)
    show("A log call", rows, (f"{OURS} / {REFERENCE}, the larger one", ratio, f"at most {AIM}"), as_json=as_json)
    return ratio


def _time_us(handler: logging.Handler, call: Call, calls: int) -> float:
    logger = logging.Logger("shared.jobs.runner")
    logger.addHandler(handler)
    began_s = time.perf_counter()
    for number in range(calls):
        call(logger, number)
    return (time.perf_counter() - began_s) / calls * 1e6


@contextmanager
def _rotating(folder: Path) -> Iterator[logging.Handler]:
    handler = logging.handlers.RotatingFileHandler(folder / "plain.log", maxBytes=_MAX_BYTES, backupCount=3)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    yield handler
    handler.close()


@contextmanager
def _ours(folder: Path) -> Iterator[logging.Handler]:
    formatter = StructuredFormatter(redactor=Redactor(secret_values(_ENV)))
    handler = RotatingLogHandler(folder, formatter, app="bench", machine="vm", max_bytes=_MAX_BYTES, quiet_s=10.0)
    yield handler
    handler.close()


@contextmanager
def _queued(folder: Path) -> Iterator[logging.Handler]:
    with _ours(folder) as handler:
        waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        listener = logging.handlers.QueueListener(waiting, handler)  # type: ignore[arg-type]
        listener.start()
        yield logging.handlers.QueueHandler(waiting)  # type: ignore[arg-type]
        listener.stop()


HANDLERS: dict[str, Callable[[Path], AbstractContextManager[logging.Handler]]] = {
    REFERENCE: _rotating,
    OURS: _ours,
    "ours behind a queue": _queued,
}
