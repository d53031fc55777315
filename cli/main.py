"""The `sluice` command."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import bench, config, errors, logs, quota, run_commands
from cli import demo as demo_module
from cli import forget as forget_module
from cli import send as send_module
from cli import status as status_module
from cli import trace as trace_module
from cli import up as up_module
from cli import watch as watch_module
from cli.console import EXIT_HELP, EXIT_UNREACHABLE, EXIT_USAGE, err
from cli.session import DATA_DIR, backend, settings_env, traced
from shared.bootstrap import Backend
from shared.config import app_access, feedback_queues
from shared.config_catalogue import by_name
from shared.errors import MessagingError, SluiceError, StorageError
from shared.jobs.feedback import FeedbackJob
from shared.jobs.feedback_profile import FeedbackProfile
from shared.messages import Priority

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Puts queues of text and audio through Azure OpenAI without ever breaking the model's quota.\n\n"
    "Commands talk to the stack that runs on this machine, or to a real namespace where the environment names one.",
    epilog=EXIT_HELP,
)
errors_app = typer.Typer(no_args_is_help=True, help="List, show, run again or discard failed jobs and dead letters.")
profile_app = typer.Typer(no_args_is_help=True, help="Check the YAML file that says what feedback is asked for.")
app.add_typer(errors_app, name="errors")
app.add_typer(profile_app, name="profile")
app.add_typer(bench.app, name="bench")
app.add_typer(logs.app, name="logs")
run_commands.add_to(app)
app.add_typer(config.app, name="config")


class Kind(StrEnum):
    """Kinds of jobs."""

    FEEDBACK = "feedback"
    REASONING = "reasoning"
    AUDIO = "audio"


KindArgument = Annotated[Kind, typer.Argument(help="Kind of job.")]
KindOption = Annotated[Kind, typer.Option("--kind", help="Kind of job.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
CodeOption = Annotated[str | None, typer.Option(help="Only failures with this code, such as content_filtered.")]
AllOption = Annotated[bool, typer.Option("--all", help="All failures.")]
IdsArgument = Annotated[list[str] | None, typer.Argument(help="Job ids, or dead:QUEUE:NUMBER for dead letters.")]


def _run(action: Callable[[Backend], Awaitable[int]]) -> None:
    async def connected() -> int:
        async with backend() as system:
            return await action(system)

    raise typer.Exit(asyncio.run(connected()))


@app.command()
def up(
    data: Annotated[Path, typer.Option(help="Where everything is kept.")] = DATA_DIR,
    port: Annotated[int, typer.Option(help="Port of the functions host; another one is taken if it is in use.")] = 7071,
) -> None:
    """Run the whole system on this machine until Ctrl-C: storage, Service Bus, model, functions."""
    raise typer.Exit(up_module.up(data, port))


@app.command()
def demo(
    data: Annotated[Path, typer.Option(help="Where everything is kept.")] = DATA_DIR,
    file: Annotated[Path | None, typer.Option(help="Comments to use instead of the built-in samples.")] = None,
) -> None:
    """Run the whole system on sample jobs of every kind, show the results, and stop it again."""
    raise typer.Exit(demo_module.demo(data, file))


@app.command()
def send(
    kind: KindArgument,
    file: Annotated[
        str,
        typer.Argument(
            help="JSON, JSONL or text (a comment or task a line); - for standard input. For audio also a sound or "
            "video file, or a folder of them."
        ),
    ],
    field: Annotated[
        list[str] | None, typer.Option(help="A field for every job, such as analyse=summary. May be repeated.")
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="Name of the run. Sending a file again under it adds nothing.")
    ] = None,
    app_id: Annotated[str | None, typer.Option("--app", help="App that these jobs are counted for.")] = None,
    priority: Annotated[Priority, typer.Option(help="Turn among the app's own jobs.")] = Priority.NORMAL,
    wait: Annotated[bool, typer.Option(help="Wait for the results and show them.")] = False,
    timeout: Annotated[float, typer.Option(help="Longest wait, in seconds.")] = 600.0,
    as_json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Don't print the job ids.")] = False,
) -> None:
    """Put jobs on their queue and print their ids. Bad lines are reported and left out."""

    async def action(system: Backend) -> int:
        with traced(system):
            sent, bad = await send_module.send_file(
                system,
                kind,
                file,
                run=run,
                app_id=app_id,
                priority=priority,
                print_ids=not (quiet or wait),
                fields=_fields(field or []),
            )
        code = 1 if bad else 0
        if wait and sent:
            code = max(code, await send_module.follow(system, kind, sent, timeout_s=timeout, as_json=as_json))
        return code

    _run(action)


def _fields(given: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f"{text!r} isn't NAME=VALUE.", param_hint="--field")
        try:
            fields[name] = json.loads(value)
        except ValueError:
            fields[name] = value
    return fields


@app.command()
def watch(
    kind: KindArgument = Kind.FEEDBACK,
    everything: Annotated[bool, typer.Option("--all", help="Begin with the results that are already there.")] = False,
    until: Annotated[int | None, typer.Option(help="End after so many results.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show results as they are published, without taking them out of the queue."""
    _run(lambda system: watch_module.watch(system, kind, everything=everything, until=until, as_json=as_json))


@app.command()
def status(
    as_json: JsonOption = False,
    watching: Annotated[bool, typer.Option("--watch", help="Refresh until Ctrl-C.")] = False,
) -> None:
    """Show whether it runs, how much waits in the queues, what failed, and how much of the quota is used."""
    _run(lambda system: status_module.status(system, as_json=as_json, watching=watching))


@app.command()
def trace(
    job_id: Annotated[str, typer.Argument(help="Job id.")],
    as_json: JsonOption = False,
) -> None:
    """Draw what was done for a job, and how long each part took: queues, quota, steps, model calls."""
    raise typer.Exit(asyncio.run(trace_module.trace(job_id, as_json=as_json)))


@app.command()
def limits(
    deployment: Annotated[str, typer.Argument(help="Model deployment.")],
    tpm: Annotated[int | None, typer.Option(help="Tokens per minute.")] = None,
    rpm: Annotated[int | None, typer.Option(help="Requests per minute.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the limits of a deployment, or change them while the app runs."""
    changes = {name: value for name, value in (("tpm", tpm), ("rpm", rpm)) if value is not None}
    access = app_access(settings_env())
    raise typer.Exit(asyncio.run(quota.change_limits(access, deployment, changes, as_json=as_json)))


@app.command()
def forget(
    job_id: Annotated[str, typer.Argument(help="Job id.")],
    kind: KindOption = Kind.FEEDBACK,
    force: Annotated[bool, typer.Option(help="Also while a run is under way: its result is dropped.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete everything of one job for good: its record, body, outcome, failure and pending calls."""
    _run(lambda system: forget_module.forget(system, kind, job_id, force=force, yes=yes, as_json=as_json))


@errors_app.command("list")
def errors_list(
    kind: KindOption = Kind.FEEDBACK,
    code: CodeOption = None,
    limit: Annotated[int, typer.Option(help="How many at most.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """List failed jobs, newest first, and dead letters."""
    _run(lambda system: errors.show_list(system, kind, code=code, limit=limit, as_json=as_json))


@errors_app.command("show")
def errors_show(
    job_id: Annotated[str, typer.Argument(help="Job id, or dead:QUEUE:NUMBER.")], kind: KindOption = Kind.FEEDBACK
) -> None:
    """Show one failed job whole, with its original body."""
    _run(lambda system: errors.show_one(system, kind, job_id))


@errors_app.command("retry")
def errors_retry(
    ids: IdsArgument = None,
    kind: KindOption = Kind.FEEDBACK,
    everything: AllOption = False,
    code: CodeOption = None,
    body: Annotated[Path | None, typer.Option(help="File with the mended body, for one job.")] = None,
) -> None:
    """Run failed jobs again, from their original body or a mended one."""
    selection = errors.Selection(tuple(ids or ()), everything, code)
    _run(lambda system: errors.retry(system, kind, selection, body))


@errors_app.command("discard")
def errors_discard(
    ids: IdsArgument = None,
    kind: KindOption = Kind.FEEDBACK,
    everything: AllOption = False,
    code: CodeOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Take failures off the list. The jobs' records stay."""
    selection = errors.Selection(tuple(ids or ()), everything, code)
    _run(lambda system: errors.discard(system, kind, selection, yes=yes))


@profile_app.command("check")
def profile_check(file: Annotated[Path, typer.Argument(help="A feedback profile.")]) -> None:
    """Say whether a feedback profile is sound."""
    profile = FeedbackProfile.load(file)
    FeedbackJob(profile, feedback_queues(), max_text_chars=1)
    err.print(f"{file} is sound: {len(profile.categories)} categories, {len(profile.hashtags)} hashtags.")


def main() -> None:
    """Run the command; errors of ours become one readable line and an exit code."""
    try:
        app()
    except (StorageError, MessagingError) as error:
        err.print(f"[red]error:[/] {error}", highlight=False)
        sys.exit(EXIT_UNREACHABLE)
    except SluiceError as error:
        err.print(f"[red]error:[/] {error}", highlight=False)
        if error.field in by_name():
            err.print("`sluice config check` shows everything that is wrong with the settings.", highlight=False)
        sys.exit(EXIT_USAGE)
    except OSError as error:
        err.print(f"[red]error:[/] {error.filename or ''} {error.strerror or error}", highlight=False)
        sys.exit(EXIT_USAGE)


if __name__ == "__main__":
    main()
