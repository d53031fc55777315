"""`sluice trace`: what was done for one job, as a waterfall."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from cli.console import EXIT_NOTHING, EXIT_OK, err, out
from cli.session import backend, settings_env
from cli.spans import SpanRow, traces_of_job, tree
from cli.tables import FirstThatFits
from shared.config import telemetry_settings
from shared.jobs.record import JobRecord
from shared.telemetry.bounded_file import lines
from shared.telemetry.context import trace_id_of
from shared.telemetry.formats import printable
from shared.telemetry_settings import TelemetrySettings

_BAR_CELLS, _LEAST_BAR_CELLS = 40, 6
_LEAST_NAME, _LEAST_FACTS = 12, 12
_FACTS = {
    "sluice.step.name": "{}",
    "gen_ai.usage.input_tokens": "{} in",
    "gen_ai.usage.output_tokens": "{} out",
    "sluice.booking.tokens": "{} tokens",
    "sluice.job.status": "{}",
    "error.type": "{}",
}
"""What of a span's tags is shown beside it."""


async def trace(job_id: str, *, as_json: bool) -> int:
    """Draw the traces of a job. Returns the exit code."""
    env = settings_env()
    telemetry = telemetry_settings(env)
    path = telemetry.file_of("traces")
    traces = traces_of_job(path, job_id)
    if not traces:
        async with backend(env) as system:
            found = [await system.store.get(kind, job_id) for kind in system.kinds]
        records = [record for record in found if record is not None]
        err.print(why_not(job_id, telemetry, records, written=any(True for _ in lines(path))), highlight=False)
        return EXIT_NOTHING
    for spans in traces:
        if as_json:
            for span in spans:
                out.print(json.dumps(asdict(span)), soft_wrap=True, markup=False, highlight=False)
        else:
            out.print(waterfall(spans))
    return EXIT_OK


def waterfall(spans: Sequence[SpanRow]) -> FirstThatFits:
    """One row a span: its name below its parent's, a bar for its time, how long it took, and what is worth knowing.

    In a narrow console bars and names are shorter, and facts fold; times are always whole.
    """
    begin_s = min(span.start_s for span in spans)
    whole_s = max(max(span.end_s for span in spans) - begin_s, 1e-6)
    began = datetime.fromtimestamp(begin_s, UTC)
    table = Table(
        title=f"trace {spans[0].trace_id}, {began:%Y-%m-%d %H:%M:%S} UTC, {_duration(whole_s)}",
        title_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
    )
    table.add_column("span", min_width=_LEAST_NAME)
    table.add_column("at", justify="right", no_wrap=True)
    table.add_column("", min_width=_LEAST_BAR_CELLS)
    table.add_column("took", justify="right", no_wrap=True)
    table.add_column("", min_width=_LEAST_FACTS, overflow="fold")
    for depth, span in tree(spans):
        style = "red" if span.failed else ""
        table.add_row(
            Text("  " * depth + printable(span.name), style, no_wrap=True, overflow="ellipsis"),
            _duration(span.start_s - begin_s),
            _Bar((span.start_s - begin_s) / whole_s, (span.end_s - begin_s) / whole_s, style or "cyan"),
            _duration(span.end_s - span.start_s),
            Text(_facts(span), style or "dim"),
        )
    return FirstThatFits(table)


@dataclass(frozen=True, slots=True)
class _Bar:
    """The part of the time from `begin` to `end`, as shares of 1; at least one cell."""

    begin: float
    end: float
    style: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        cells = min(_BAR_CELLS, options.max_width)
        first = min(cells - 1, int(self.begin * cells))
        last = min(cells, max(first + 1, round(self.end * cells)))
        yield Text((" " * first + "█" * (last - first)).ljust(cells), self.style)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(min(_LEAST_BAR_CELLS, options.max_width), min(_BAR_CELLS, options.max_width))


def _duration(seconds: float) -> str:
    if seconds >= 100:
        return f"{seconds:.0f} s"
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _facts(span: SpanRow) -> str:
    found = [text.format(span.tags[name]) for name, text in _FACTS.items() if name in span.tags]
    if span.tags.get("messaging.servicebus.message.delivery_count", 1) != 1:
        found.append(f"delivery {span.tags['messaging.servicebus.message.delivery_count']}")
    return printable(", ".join(found))


def why_not(job_id: str, telemetry: TelemetrySettings, records: Sequence[JobRecord], *, written: bool) -> str:
    """What keeps the trace from being drawn, and where it is instead."""
    if not records:
        return f"There is no job {job_id}."
    trace_ids = sorted({found for record in records if (found := trace_id_of(record.traceparent)) is not None})
    if not trace_ids:
        return f"The job {job_id} has no trace: telemetry was off when it came (SLUICE_TELEMETRY)."
    where = f"Its trace is {', '.join(trace_ids)}."
    if "azure" in telemetry.exporters:
        ids = ", ".join(f'"{found}"' for found in trace_ids)
        return f"{where} In Application Insights: union requests, dependencies, traces | where operation_Id in ({ids})"
    if "file" not in telemetry.exporters:
        names = ", ".join(telemetry.exporters) or "nothing"
        return f"{where} Its spans are not on this machine: SLUICE_TELEMETRY sends them to {names}."
    if not written:
        return f"{where} No spans were written to {telemetry.folder} yet; they come a second after the work is done."
    return (
        f"{where} Its spans aren't in {telemetry.folder}: the trace was left out (SLUICE_TELEMETRY_SAMPLE_RATIO, or "
        "its sender's decision), or is older than the files reach back (SLUICE_TELEMETRY_MAX_BYTES)."
    )
