"""The app's own status (GET /api/status) for a terminal: what the status page shows."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from cli.app_status_runs import run_lines

_BARS = " ▁▂▃▄▅▆▇█"
_BUCKET_MINUTES = 3
_FAILURES = 3


def status_lines(facts: Mapping[str, Any]) -> list[RenderableType]:
    """For people: jobs, throughput, runs, failures, dead letters, logs, version."""
    lines: list[RenderableType] = [_jobs(facts["kinds"])]
    lines += run_lines(facts.get("runs"))  # an older app says nothing of them
    lines += [_failures(facts["failures"]), _dead_letters(facts["dead_letters"])]
    if facts.get("logs"):
        lines.append(_logs(facts["logs"]))
    release = f" ({facts['release']})" if facts.get("release") else ""
    lines.append(escape(f"App: {facts['app_id']}, version {facts['version']}{release}"))
    return lines


def sparkline(values: Sequence[float]) -> str:
    """Small bars; the highest is full."""
    highest = max(values, default=0)
    if not highest:
        return _BARS[0] * len(values)
    # What is above zero is seen.
    return "".join(_BARS[max(1, round(value / highest * (len(_BARS) - 1)))] if value else _BARS[0] for value in values)


def _jobs(kinds: Mapping[str, Any]) -> Table:
    # Without edges, so that all of it fits a terminal of 24 lines: a live view cuts off the rest.
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("jobs")
    for name in ("pending", "running", "succeeded", "failed", "cancelled", "last hour"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("ended, by 3 minutes", no_wrap=True)
    for kind, found in kinds.items():
        if "error" in found:
            table.add_row(escape(kind), f"[yellow]{escape(found['error'])}[/]")
            continue
        states, hour = found["states"], found["last_hour"]
        ended = [sum(minute[name] for name in ("succeeded", "failed", "cancelled")) for minute in found["minutes"]]
        buckets = [sum(ended[at : at + _BUCKET_MINUTES]) for at in range(0, len(ended), _BUCKET_MINUTES)]
        failed = f"{states['failed']['count']:,}"
        table.add_row(
            escape(kind),
            _open(states["pending"]),
            _open(states["running"]),
            f"{states['succeeded']['count']:,}",
            f"[red]{failed}[/]" if states["failed"]["count"] else failed,
            f"{states['cancelled']['count']:,}",
            f"+{hour['accepted']:,} / {hour['succeeded'] + hour['failed'] + hour['cancelled']:,} ended",
            sparkline(buckets),
        )
    return table


def _open(state: Mapping[str, Any]) -> str:
    oldest_s = state.get("oldest_s")
    return f"{state['count']:,}" + (f" [dim]({_age(oldest_s)})[/]" if oldest_s is not None else "")


def _failures(found: Any) -> str:
    if isinstance(found, Mapping):
        return f"Failures: [yellow]not known:[/] {escape(str(found.get('error')))}"
    if not found:
        return "Failures: [green]none[/]"
    lines = [
        f"  {escape(one['id'])} [red]{escape(str(one.get('code')))}[/] {escape(str(one.get('message', '')))}"[:300]
        for one in found[:_FAILURES]
    ]
    more = f" (and {len(found) - _FAILURES} or more others)" if len(found) > _FAILURES else ""
    return "\n".join([f"Newest failures{more}; `sluice errors list` shows all:", *lines])


def _dead_letters(found: Mapping[str, Any]) -> str:
    if "error" in found:
        return f"Dead letters: [yellow]not known:[/] {escape(str(found['error']))}"
    counted = {queue: count for queues in found.values() for queue, count in queues.items() if count}
    hidden = sum(count is None for queues in found.values() for count in queues.values())
    text = ", ".join(f"{escape(queue)} {count}" for queue, count in counted.items()) or "[green]none[/]"
    return f"Dead letters: {text}" + (f" ({hidden} queues can't be seen)" if hidden else "")


def _logs(found: Mapping[str, Any]) -> str:
    if "error" in found:
        return f"Logs: [yellow]not known:[/] {escape(str(found['error']))}"
    missing = f"[red]{found['missing']} files missing[/]" if found["missing"] else "none missing"
    return f"Logs: shipped by {len(found['instances'])} processes today, {missing}"


def _age(age_s: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if age_s >= size:
            return f"{age_s / size:.1f} {unit}"
    return f"{age_s:.0f} s"
