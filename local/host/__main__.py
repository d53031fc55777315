"""Runs an Azure Functions app on this machine, without Azure and without Core Tools.

It drives the worker library that runs the app in the cloud, and behaves like `func start`: app settings come from
local.settings.json and the environment (which wins), the host's own settings from host.json.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from local.end_signals import end_signals
from local.host.console import Console, install_logging
from local.host.errors import HostError
from local.host.host import DEFAULT_PORT, MAX_WORKERS, WORKER_COUNT, FunctionsHost, HostOptions
from local.host.keys import parse_keys
from local.process import announce_ready


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the host until SIGTERM or SIGINT. Returns the exit code: 0 after a clean stop, 1 if it could not start."""
    options = _parse(arguments)
    console = Console()
    install_logging(console)
    try:
        return asyncio.run(_serve(options, console))
    finally:
        console.flush()


async def _serve(options: HostOptions, console: Console) -> int:
    stop, hurry = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (hurry if stop.is_set() else stop).set()

    with end_signals(on_signal):
        return await _run(options, console, stop, hurry)


async def _run(options: HostOptions, console: Console, stop: asyncio.Event, hurry: asyncio.Event) -> int:
    try:
        host = FunctionsHost(options, os.environ, console)
    except HostError as error:
        return _fail(error)
    starting = asyncio.create_task(host.start())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([starting, stopped], return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
    try:
        await starting
    except (HostError, asyncio.CancelledError) as error:
        await host.close()
        return _fail(error) if isinstance(error, HostError) else 0
    console.flush()
    announce_ready(port=host.port, functions=host.running)
    await stopped
    await host.stop(hurry)
    return 0


def _fail(error: HostError) -> int:
    print(f"error: {error}", file=sys.stderr)  # noqa: T201 - this is the command's output
    return 1


def _parse(arguments: Sequence[str] | None) -> HostOptions:
    parser = argparse.ArgumentParser(
        prog="python -m local.host",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="When it serves it prints READY {json} with its port and the functions that run. Ctrl-C or SIGTERM lets "
        "running functions\nfinish within the grace time; a second one ends at once.",
    )
    parser.add_argument("app_dir", metavar="APP_DIR", type=Path, help="folder with function_app.py and host.json")
    parser.add_argument(
        "--port",
        type=int,
        help=f"port of 127.0.0.1; 0 picks a free one (default: Host.LocalHttpPort, or {DEFAULT_PORT})",
    )
    parser.add_argument(
        "--workers",
        type=int,
        choices=range(1, MAX_WORKERS + 1),
        metavar="K",
        help=f"worker processes, 1 to {MAX_WORKERS} (default: {WORKER_COUNT}, or 1)",
    )
    parser.add_argument(
        "--grace",
        type=float,
        default=30.0,
        metavar="S",
        help="seconds that running functions get to finish when the host is stopped (default: 30)",
    )
    parser.add_argument(
        "--auth", action="store_true", help="check access keys as in the cloud; without it all requests pass"
    )
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an access key for --auth, may be repeated: _master=..., a host key, a system key (blobs_extension=...), "
        "or one function's key (FUNCTION/NAME=...)",
    )
    parser.add_argument(
        "--durable",
        type=Path,
        metavar="DIR",
        help="folder that keeps the task hubs of durable functions; hosts with the same folder share them "
        "(default: .sluice/durable in the app's folder)",
    )
    given = parser.parse_args(arguments)
    if not given.app_dir.is_dir():
        parser.error(f"{given.app_dir} is not a folder")
    if given.port is not None and not 0 <= given.port <= 65535:
        parser.error(f"--port {given.port}: ports go from 0 to 65535")
    if given.grace < 0:
        parser.error("--grace can't be negative")
    try:
        keys = parse_keys(given.key, enforced=given.auth)
    except ValueError as error:
        parser.error(f"--key: {error}")
    durable = given.durable and given.durable.resolve()
    return HostOptions(given.app_dir.resolve(), given.port, given.workers, given.grace, keys, durable)


if __name__ == "__main__":
    sys.exit(main())
