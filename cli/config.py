"""`sluice config`: what is set, from where, and what is wrong with it."""

import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from cli.console import EXIT_JOBS_FAILED, EXIT_OK, err, out
from cli.setting_values import ShownSetting, shown_settings
from cli.settings_source import FoundSettings, find_settings
from cli.tables import FirstThatFits
from shared.config_checks.findings import Area, Finding, HealthStatus, Severity, ValidationResult
from shared.config_checks.live import TIMEOUT_S, live_checks
from shared.config_validator import ConfigValidator

app = typer.Typer(no_args_is_help=True, help="Show the settings and check them.")

FolderOption = Annotated[
    Path, typer.Option("--folder", help="Folder of the app, where local.settings.json is.", file_okay=False)
]
_COLOURS = {Severity.CRITICAL: "red", Severity.WARNING: "yellow", Severity.RECOMMENDATION: "cyan"}
_STATUS_COLOURS = {HealthStatus.HEALTHY: "green", HealthStatus.DEGRADED: "yellow", HealthStatus.UNHEALTHY: "red"}


@app.command()
def check(
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="Also reach storage, Service Bus and the models. Costs one small call a deployment, and compares its "
            "limits with the settings.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    timeout: Annotated[float, typer.Option(help="With --live: longest time for each thing, in seconds.")] = TIMEOUT_S,
    folder: FolderOption = Path(),
) -> None:
    """Say what is wrong with the settings, and the mend. Exit code 1 where jobs could not run."""
    found = find_settings(folder)
    result = checked(found, live_s=timeout if live else None)
    if as_json:
        out.print_json(json.dumps(result.as_dict()))
    else:
        _show(result, live=live)
    raise typer.Exit(EXIT_OK if result.is_valid else EXIT_JOBS_FAILED)


@app.command()
def show(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also what isn't set and has no default.")] = False,
    folder: FolderOption = Path(),
) -> None:
    """Show the value of every setting and where it comes from. Secrets are masked."""
    settings = shown_settings(find_settings(folder))
    for setting in settings:
        if as_json:
            out.print(json.dumps(setting.as_dict()), soft_wrap=True, markup=False, highlight=False)
    if not as_json:
        _show_settings([setting for setting in settings if everything or setting.value is not None])


def checked(found: FoundSettings, *, live_s: float | None = None) -> ValidationResult:
    """All findings.

    Args:
        live_s: longest time for each thing that is reached; None reaches nothing.
    """
    with _quiet():
        result = ConfigValidator(found.values, probe=None if live_s is None else live_checks(live_s)).validate_all()
    return ValidationResult.of((*found.findings, *result.findings), result.notes)


@contextmanager
def _quiet() -> Iterator[None]:
    """Libraries tell of every failed attempt; what comes of it is in the findings."""
    loggers = [logging.getLogger(name) for name in ("azure", "shared")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _show(result: ValidationResult, *, live: bool) -> None:
    for area in Area:
        findings = [finding for finding in result.findings if finding.area is area]
        if not findings:
            out.print(f"[green]✓[/] {area}")
            continue
        out.print(finding_table(area, findings))
    if live:
        for note in result.notes:
            out.print(escape(note))
        err.print("Each model deployment was sent at most one small call, which the token counter does not know of.")
    counts = [
        f"{len(found)} {name}"
        for found, name in (
            (result.critical_errors, "critical"),
            (result.warnings, "warnings"),
            (result.recommendations, "recommendations"),
        )
        if found
    ]
    colour = _STATUS_COLOURS[result.health_status]
    out.print(f"Settings: [{colour}]{result.health_status}[/]" + (f" ({', '.join(counts)})" if counts else ""))


def finding_table(area: Area, findings: Iterable[Finding]) -> FirstThatFits:
    """Findings of one area, with the names of settings whole."""
    wide, close = (
        Table(box=box.SIMPLE_HEAD, show_edge=False, title_justify="left", title=str(area), title_style="bold")
        for _ in range(2)
    )
    for table in (wide, close):
        table.add_column("setting", no_wrap=True)
    wide.add_column("what is wrong", min_width=30, overflow="fold")
    wide.add_column("what to do", min_width=30, overflow="fold")
    close.add_column("what is wrong, and what to do", min_width=20, overflow="fold")
    for finding in findings:
        names, problem, mend = _row(finding)
        wide.add_row(names, problem, mend)
        close.add_row(names, f"{problem} {mend}")
    return FirstThatFits(wide, close)


def _row(finding: Finding) -> tuple[str, str, str]:
    colour = _COLOURS[finding.severity]
    names = "\n".join(escape(name) for name in finding.settings)
    return f"[{colour}]{finding.severity}[/]\n{names}", escape(finding.problem), escape(finding.mend)


def _show_settings(settings: list[ShownSetting]) -> None:
    for area, group in groupby(settings, key=lambda setting: setting.area):
        out.print(setting_table(area, group))


def setting_table(area: str, settings: Iterable[ShownSetting]) -> FirstThatFits:
    """Settings of one area, with their names whole."""
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, title_justify="left", title=escape(area), title_style="bold", padding=0
    )
    table.add_column("setting", no_wrap=True)
    table.add_column("value", min_width=16, overflow="fold")
    table.add_column("from", min_width=10, overflow="fold")
    for setting in settings:
        style = "dim" if setting.source == "default" else ""
        cells: list[Any] = [setting.name, setting.value or "", setting.origin]
        table.add_row(*(escape(str(cell)) for cell in cells), style=style)
    return FirstThatFits(table)
