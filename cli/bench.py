"""`sluice bench`: figures as ratios, measured side by side."""

from pathlib import Path
from typing import Annotated

import typer

from cli.console import EXIT_OK

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
def sentiment(
    reviews: Annotated[Path, typer.Argument(help="JSON Lines with text and mean_rating.")], as_json: JsonOption = False
) -> None:
    """How often the demonstration engine agrees with human ratings, against VADER."""
    from benchmarks.sentiment import read_reviews, run

    run(read_reviews(reviews), as_json=as_json)
    raise typer.Exit(EXIT_OK)
