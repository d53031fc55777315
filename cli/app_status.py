"""The app's own status (GET /api/status) for a terminal: what the status page shows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from cli.app_status_runs import run_lines
from cli.tables import FirstThatFits

_BARS = " ▁▂▃▄▅▆▇█"
_HOUR_HEAD, _BARS_HEAD = "+in/ended, 1 h", "ended, by 3 minutes"
_BUCKET_MINUTES = 3
_FAILURES = 3
_OPEN = ("pending", "running")
_ENDED = ("succeeded", "failed", "cancelled")
_STATES = (*_OPEN, *_ENDED)
_UPRIGHT = ("pending", "  oldest", "running", "  oldest", *_ENDED, "last hour: in", "  ended")
"""The rows of the table that has a column for each kind, for narrow terminals."""


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


def _jobs(kinds: Mapping[str, Any]) -> Group:
    known = {escape(kind): found for kind, found in kinds.items() if "error" not in found}
    rows = [[kind, *_row(found)] for kind, found in known.items()]
    close = [[kind, *_row(found, close=True)] for kind, found in known.items()]
    bars = [sparkline(_buckets(found["minutes"])) for found in known.values()]
    heads = ("jobs", *_STATES)
    table = FirstThatFits(
        _table((*heads, "last hour", _BARS_HEAD), ([*row, bar] for row, bar in zip(rows, bars, strict=True))),
        _table((*heads, _HOUR_HEAD, _BARS_HEAD), ([*row, bar] for row, bar in zip(close, bars, strict=True)), gap=0),
        _table((*heads, _HOUR_HEAD), close, gap=0),
        _table(("jobs", *known), zip(_UPRIGHT, *map(_column, known.values()), strict=True), gap=0),
    )
    unknown = {kind: found["error"] for kind, found in kinds.items() if "error" in found}
    return Group(table, *(f"{escape(kind)}: [yellow]not known:[/] {escape(why)}" for kind, why in unknown.items()))


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, gap: int = 1) -> Table:
    # Without edges, so that all of it fits a terminal of 24 lines: a live view cuts off the rest.
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, gap))
    for head in heads:
        table.add_column(head, justify="left" if head == heads[0] else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def _row(found: Mapping[str, Any], *, close: bool = False) -> list[str]:
    hour = found["last_hour"]
    accepted, ended = f"+{hour['accepted']:,}", f"{sum(hour[name] for name in _ENDED):,}"
    return [
        *(_open(found["states"][name], close=close) for name in _OPEN),
        *(_count(found, name) for name in _ENDED),
        f"{accepted}/{ended}" if close else f"{accepted} / {ended} ended",
    ]


def _column(found: Mapping[str, Any]) -> list[str]:
    """What _UPRIGHT names."""
    opened = [(_count(found, name), found["states"][name].get("oldest_s")) for name in _OPEN]
    hour = found["last_hour"]
    return [
        *(text for count, age_s in opened for text in (count, "" if age_s is None else f"[dim]{_age(age_s)}[/]")),
        *(_count(found, name) for name in _ENDED),
        f"{hour['accepted']:,}",
        f"{sum(hour[name] for name in _ENDED):,}",
    ]


def _count(found: Mapping[str, Any], name: str) -> str:
    count = found["states"][name]["count"]
    return f"[red]{count:,}[/]" if count and name == "failed" else f"{count:,}"


def _buckets(minutes: Sequence[Mapping[str, int]]) -> list[int]:
    ended = [sum(minute[name] for name in _ENDED) for minute in minutes]
    return [sum(ended[at : at + _BUCKET_MINUTES]) for at in range(0, len(ended), _BUCKET_MINUTES)]


def _open(state: Mapping[str, Any], *, close: bool) -> str:
    oldest_s = state.get("oldest_s")
    age = "" if oldest_s is None else _age(oldest_s).replace(" ", "" if close else " ")
    return f"{state['count']:,}" + (f" [dim]({age})[/]" if age else "")


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
