"""How shipped logs are shown."""

import json
import logging
from collections.abc import Iterable, Sequence

from rich import box
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cli.console import out
from cli.tables import FirstThatFits
from shared.logs.index_rows import InstanceFacts
from shared.logs.search import LogLine
from shared.logs.verify import LogFacts, LogState
from shared.telemetry.formats import printable, terminal_line

_OWN = ("time", "level", "app", "instance", "logger", "message", "event", "fields", "exception", "invocation_id")
_STATES = {LogState.OK: "ok", LogState.TORN: "[yellow]torn[/]", LogState.DAMAGED: "[red]damaged[/]"}


def print_line(line: LogLine, *, as_json: bool, with_instance: bool = True) -> None:
    """Print one line: as it was logged, or for people."""
    if as_json or not line.fields:
        out.print(line.raw if as_json else printable(line.raw), soft_wrap=True, markup=False, highlight=False)
        return
    fields = line.fields
    level = logging.getLevelNamesMapping().get(str(fields.get("level")), logging.INFO)
    source = f"{fields.get('logger')} {line.source[0]}" if with_instance else str(fields.get("logger"))
    colour = out.is_terminal and not out.no_color
    shown = terminal_line(line.time.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3], level, text_of(line), source, colour=colour)
    out.print(Text.from_ansi(shown), soft_wrap=True)
    for part in str(fields.get("exception") or "").splitlines():
        out.print(f"    {printable(part)}", soft_wrap=True, markup=False, highlight=False)


def text_of(line: LogLine) -> str:
    """What a line says: its message, or its event with the fields, and its ids."""
    fields = line.fields
    inner = fields.get("fields")
    inner = inner if isinstance(inner, dict) else {}
    ids = {name: value for name, value in fields.items() if name not in _OWN and name not in inner}
    pairs = [f"{name}={value}" for name, value in {**inner, **ids}.items()]
    return " ".join([str(fields.get("event") or fields.get("message") or ""), *pairs])


def file_table(files: Sequence[LogFacts]) -> FirstThatFits:
    """Files, one a row. A narrow console does without their ends."""
    return FirstThatFits(_file_table(files, close=False), _file_table(files, close=True))


def _file_table(files: Iterable[LogFacts], *, close: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0 if close else (0, 1))
    for name in ("from (UTC)", "instance") if close else ("from (UTC)", "to", "instance"):
        table.add_column(name, no_wrap=True)
    for name in ("n", "lines", "errors", "KB"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("state", min_width=5 if close else 7, overflow="fold")
    for facts in files:
        table.add_row(
            f"{facts.first:%m-%d %H:%M:%S}",
            *([] if close else [f"{facts.last:%H:%M:%S}"]),
            escape(facts.instance or facts.blob.rpartition("/")[2]),
            str(facts.number or ""),
            str(facts.lines),
            f"[red]{facts.errors}[/]" if facts.errors else "0",
            f"{facts.size / 1000:.1f}",
            _STATES.get(facts.state, facts.state) + (f" ({escape(facts.problem)})" if facts.problem else ""),
        )
    return table


def file_as_json(facts: LogFacts) -> str:
    """A file as a JSON object."""
    shown = {name: getattr(facts, name) for name in ("app", "instance", "number", "blob", "lines", "bad", "errors")}
    more = {name: getattr(facts, name) for name in ("warnings", "size", "stored", "sha256", "problem")}
    times = {"first": facts.first.isoformat(), "last": facts.last.isoformat(), "state": str(facts.state)}
    return json.dumps({**shown, **times, **more})


def gap_table(rows: Iterable[tuple[InstanceFacts, list[tuple[int, int]]]]) -> FirstThatFits:
    """Instances of which files are missing, one a row."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    for name in ("instance", "last line (UTC)"):
        table.add_column(name, no_wrap=True)
    for name in ("arrived", "missing"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("numbers", min_width=12, overflow="fold")
    for facts, gaps in rows:
        last = f"{facts.last:%m-%d %H:%M:%S}" if facts.last else ""
        count = sum(high - low + 1 for low, high in gaps) + facts.arrived.closed
        arrived = sum(high - low + 1 for low, high in facts.arrived.runs)
        table.add_row(escape(facts.instance), last, str(arrived), f"[red]{count}[/]", numbers(gaps))
    return FirstThatFits(table)


def numbers(gaps: Iterable[tuple[int, int]]) -> str:
    """Such as `3, 7-9`."""
    return ", ".join(f"{low}-{high}" if high > low else f"{low}" for low, high in gaps)
