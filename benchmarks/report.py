"""How every benchmark shows its rows: a table for people, JSON for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure: its median and range over the rounds."""

    name: str
    median: float
    low: float
    high: float
    unit: str


def show(title: str, rows: Sequence[Row], ratio: tuple[str, float, str], *, as_json: bool) -> None:
    """Print the rows and the ratio that the benchmark is about.

    Args:
        ratio: its name, its value, and the aim in words.
    """
    name, value, aim = ratio
    if as_json:
        print(json.dumps({"rows": [asdict(row) for row in rows], "ratio": {"name": name, "value": value}}))  # noqa: T201
        return
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    for column in ("median", "lowest", "highest"):
        table.add_column(column, justify="right")
    table.add_column("unit")
    for row in rows:
        table.add_row(row.name, _number(row.median), _number(row.low), _number(row.high), row.unit)
    console = Console()
    console.print(table)
    console.print(f"{name}: [bold]{value:.2f}[/] ({aim})")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
