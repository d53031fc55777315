"""`sluice bench`: figures as ratios, measured side by side."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.quota.scenario import Backend
from cli.console import EXIT_JOBS_FAILED, EXIT_OK
from local.model.limits import TokenWindow
from shared.errors import ConfigurationError

app = typer.Typer(no_args_is_help=True, help="Measure figures side by side, as ratios.")

JsonOption = Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")]


@app.command()
def host(
    rounds: Annotated[int, typer.Option(help="How often each side is measured.")] = 3,
    messages: Annotated[int, typer.Option(help="Messages a round.")] = 10_000,
    as_json: JsonOption = False,
) -> None:
    """Messages a second through host and emulator, against a bare receive loop."""
    from benchmarks.host import run

    run(rounds, messages, as_json=as_json)
    raise typer.Exit(EXIT_OK)


@app.command()
def index(
    rounds: Annotated[int, typer.Option(help="How often each side is measured.")] = 9, as_json: JsonOption = False
) -> None:
    """Time to index the app, against an app with the same triggers and no logic."""
    from benchmarks.index import run

    run(rounds, as_json=as_json)
    raise typer.Exit(EXIT_OK)


@app.command()
def logs(
    rounds: Annotated[int, typer.Option(help="How often each side is measured.")] = 7,
    calls: Annotated[int, typer.Option(help="Log calls a round.")] = 20_000,
    as_json: JsonOption = False,
) -> None:
    """What a log call costs, against plain logging with a rotating file handler."""
    from benchmarks.log_calls import run

    run(rounds, calls, as_json=as_json)
    raise typer.Exit(EXIT_OK)


@app.command()
def telemetry(
    rounds: Annotated[int, typer.Option(help="How often each side is measured.")] = 5,
    messages: Annotated[int, typer.Option(help="Messages a round.")] = 5_000,
    as_json: JsonOption = False,
) -> None:
    """Messages a second through a no-op function with spans and metrics of each, against one without."""
    from benchmarks.telemetry import run

    run(rounds, messages, as_json=as_json)
    raise typer.Exit(EXIT_OK)


@app.command()
def storage(
    rounds: Annotated[int, typer.Option(help="How often each side is measured.")] = 7,
    requests: Annotated[int, typer.Option(help="Requests a round.")] = 2_000,
    as_json: JsonOption = False,
) -> None:
    """Processor time of a small request to storage, against the SDK's client as it comes."""
    from benchmarks.storage import run

    run(rounds, requests, as_json=as_json)
    raise typer.Exit(EXIT_OK)


@app.command()
def sentiment(
    reviews: Annotated[Path, typer.Argument(help="JSON Lines with text and mean_rating.")], as_json: JsonOption = False
) -> None:
    """How often the demonstration engine agrees with human ratings, against VADER."""
    from benchmarks.sentiment import read_reviews, run

    run(read_reviews(reviews), as_json=as_json)
    raise typer.Exit(EXIT_OK)


@app.command()
def quota(
    algorithm: Annotated[list[str] | None, typer.Option(help="Only these; give it several times.")] = None,
    workload: Annotated[list[str] | None, typer.Option(help="Only these; give it several times.")] = None,
    instances: Annotated[list[int] | None, typer.Option(help="Of the app; 8 by default.")] = None,
    delivery: Annotated[list[str] | None, typer.Option(help="How late scheduled messages arrive.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Of quota that the jobs need; 5 by default.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 1,
    backend: Annotated[Backend, typer.Option(help="Of the durable entity.")] = "storage",
    token_window: Annotated[TokenWindow, typer.Option(help="Of the endpoint.")] = "rolling",  # noqa: S107 - not a password
    charge_factor: Annotated[float, typer.Option(help="What the endpoint counts over what we estimate.")] = 1.0,
    clock_offset: Annotated[float, typer.Option(help="The instances' clocks are wrong by up to this, in seconds.")] = 0,
    cold_start: Annotated[bool, typer.Option("--cold-start", help="Begin with no instance up.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Two backlogs, 2 minutes of quota.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Admission of jobs to a model's quota, simulated: ours beside the algorithms that others use."""
    from benchmarks.quota.command import run
    from benchmarks.quota.plan import plan_rows
    from benchmarks.quota.scenario import Scenario

    base = Scenario(
        minutes=minutes or (2.0 if quick else 5.0),
        backend=backend,
        token_window=token_window,
        charge_factor=charge_factor,
        cold_start=cold_start,
        clock_offset_s=clock_offset,
        seed=seed,
    )
    workloads = workload or (["uniform", "heavy"] if quick else [])
    try:
        plans = plan_rows(base, algorithm or [], workloads, instances or [], delivery or [])
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    ran = run(plans, json_only=as_json, named=bool(algorithm))
    raise typer.Exit(EXIT_OK if ran else EXIT_JOBS_FAILED)
