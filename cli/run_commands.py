"""The commands of runs: `sluice run`, `sluice estimate`, `sluice results`, `sluice report`."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import run_actions, run_estimate, run_export, run_report, run_view
from cli.console import EXIT_HELP
from cli.run_start import Source, Start, start
from cli.session import act
from shared.messages import Priority

run_app = typer.Typer(no_args_is_help=True, help="Put a whole file through, as one run.", epilog=EXIT_HELP)
results_app = typer.Typer(no_args_is_help=True, help="Write the results of a run into a file.", epilog=EXIT_HELP)


class Kind(StrEnum):
    """Kinds of jobs."""

    FEEDBACK = "feedback"
    REASONING = "reasoning"
    AUDIO = "audio"


KindArgument = Annotated[Kind, typer.Argument(help="Kind of job.")]
FileArgument = Annotated[
    Path, typer.Argument(exists=True, help="CSV, TSV, XLSX, JSON Lines or Parquet; for audio also a folder.")
]
RunArgument = Annotated[str, typer.Argument(help="Name of the run.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
MapOption = Annotated[
    list[str] | None,
    typer.Option("--map", help="FIELD=COLUMN, several with commas, such as text=Comment,rating=Stars."),
]
FieldOption = Annotated[list[str] | None, typer.Option("--field", help="A field for every row: NAME=VALUE.")]
DelimiterOption = Annotated[str | None, typer.Option(help="Of a CSV file; found by itself among , ; tab and |.")]
EncodingOption = Annotated[str | None, typer.Option(help="Of a text file, such as cp1252; else UTF-8, or as its BOM.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]


def _source(
    kind: str, file: Path, maps: list[str] | None, fields: list[str] | None, delimiter: str | None, encoding: str | None
) -> Source:
    told = dict(_pair(part, "--map") for text in maps or [] for part in text.split(",") if part.strip())
    constants: dict[str, Any] = {}
    for name, value in (_pair(text, "--field") for text in fields or []):
        try:
            constants[name] = json.loads(value)
        except ValueError:
            constants[name] = value
    if delimiter is not None and len(delimiter := delimiter.replace("\\t", "\t")) != 1:
        raise typer.BadParameter("It is one character.", param_hint="--delimiter")
    return Source(kind, file, told, constants, delimiter, encoding)


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name.strip() and equals and value.strip()):
        raise typer.BadParameter(f"{text!r} isn't NAME=VALUE.", param_hint=option)
    return name.strip(), value.strip()


@run_app.command("start")
def run_start(
    kind: KindArgument,
    file: FileArgument,
    maps: MapOption = None,
    fields: FieldOption = None,
    name: Annotated[str | None, typer.Option(help="Of the run; the same file gets the same by itself.")] = None,
    app_id: Annotated[str | None, typer.Option("--app", help="App that the jobs are counted for.")] = None,
    priority: Annotated[Priority, typer.Option(help="Turn among the app's own jobs.")] = Priority.NORMAL,
    sample: Annotated[int | None, typer.Option(min=1, help="Try so many rows first, and show the results.")] = None,
    delimiter: DelimiterOption = None,
    encoding: EncodingOption = None,
    rejects: Annotated[Path | None, typer.Option(help="Where rows that are no jobs are listed.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait until the run has ended.")] = False,
    yes: YesOption = False,
) -> None:
    """Put every row of a file through. Started again after an interruption, it goes on: no row is sent twice."""
    source = _source(kind, file, maps, fields, delimiter, encoding)
    act(lambda system: start(system, Start(source, name, app_id, priority, sample, rejects, yes, wait)))


@run_app.command("list")
def run_list(as_json: JsonOption = False) -> None:
    """List runs, newest first."""
    act(lambda system: run_view.show_list(system, as_json=as_json))


@run_app.command("status")
def run_status(
    run: RunArgument,
    watching: Annotated[bool, typer.Option("--watch", help="Refresh until the run rests.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show how far a run is, how fast it goes, when it ends, what failed, and what it cost so far."""
    act(lambda system: run_view.show_status(system, run, as_json=as_json, watching=watching))


@run_app.command("pause")
def run_pause(run: RunArgument) -> None:
    """Let no job of a run begin. What runs ends normally."""
    act(lambda system: run_actions.act_on(system, run, "pause"))


@run_app.command("resume")
def run_resume(run: RunArgument) -> None:
    """Go on with a paused run."""
    act(lambda system: run_actions.act_on(system, run, "resume"))


@run_app.command("cancel")
def run_cancel(run: RunArgument, yes: YesOption = False) -> None:
    """End a run for good. What runs ends normally; results so far can be exported."""
    if not yes:
        typer.confirm(f"Cancel the run {run}?", abort=True, err=True)
    act(lambda system: run_actions.act_on(system, run, "cancel"))


@run_app.command("retry-failed")
def run_retry_failed(run: RunArgument) -> None:
    """Run all failed jobs of a run again."""
    act(lambda system: run_actions.act_on(system, run, "retry_failed"))


def estimate_command(
    kind: KindArgument,
    file: FileArgument,
    maps: MapOption = None,
    fields: FieldOption = None,
    delimiter: DelimiterOption = None,
    encoding: EncodingOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a file would need: rows, tokens with the real prompt, money, and when it would end. Nothing is sent."""
    source = _source(kind, file, maps, fields, delimiter, encoding)
    act(lambda system: run_estimate.estimate(system, source, as_json=as_json))


@results_app.command("export")
def results_export(
    run: RunArgument,
    to: Annotated[Path, typer.Option(help="File that ends in .csv, .xlsx, .jsonl or .parquet.")],
    only_final: Annotated[bool, typer.Option("--ended", help="Leave out rows that haven't ended.")] = False,
) -> None:
    """Write the rows of a run with what became of them, in the order of its file. While it runs, too."""
    act(lambda system: run_export.export(system, run, to, only_final=only_final))


def report_command(
    run: RunArgument,
    to: Annotated[Path | None, typer.Option(help="HTML file; else RUN.html.")] = None,
) -> None:
    """Make one page of a run's results, with charts: sentiment, categories, hashtags, urgent items, cost."""
    act(lambda system: run_report.report(system, run, to or Path(f"{run}.html")))


def add_to(app: typer.Typer) -> None:
    """Register all of them."""
    app.add_typer(run_app, name="run")
    app.add_typer(results_app, name="results")
    app.command("estimate")(estimate_command)
    app.command("report")(report_command)
