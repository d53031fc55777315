"""Where the command line's settings come from, and its connection to the system."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NoReturn

import typer

from local.stack_state import running_stack
from shared.bootstrap import Backend, connect
from shared.config import Settings
from shared.errors import ConfigurationError
from shared.telemetry.start import start_telemetry, stop_telemetry

DATA_DIR = Path(".sluice")
CLOUD_NAMES = ("ServiceBusConnection", "ServiceBusConnection__fullyQualifiedNamespace", "SERVICE_BUS_NAMESPACE")


def settings_env() -> Mapping[str, str]:
    """The environment where it names a Service Bus namespace, else the settings of the stack that runs here.

    Raises:
        ConfigurationError: neither is there.
    """
    if any(os.environ.get(name) for name in CLOUD_NAMES):
        return os.environ
    stack = running_stack(DATA_DIR)
    if stack is None:
        raise ConfigurationError(
            "No stack runs here. Start one with `sluice up`, or name a Service Bus namespace and a storage account: "
            "ServiceBusConnection__fullyQualifiedNamespace and AzureWebJobsStorage__accountName."
        )
    return {**os.environ, **stack.settings}


@asynccontextmanager
async def backend(env: Mapping[str, str] | None = None) -> AsyncIterator[Backend]:
    """A connection to job store and queues, closed at the end.

    Raises:
        ConfigurationError: no system is named, or a setting is wrong.
        StorageError: storage can't be reached.
    """
    connected = await connect(Settings.from_env(env or settings_env()))
    try:
        yield connected
    finally:
        await connected.close()


@contextmanager
def traced(system: Backend) -> Iterator[None]:
    """Traces of the jobs that are sent within begin here, where telemetry is on."""
    start_telemetry(system.settings.telemetry)
    try:
        yield
    finally:
        stop_telemetry()


def act(action: Callable[[Backend], Awaitable[int]]) -> NoReturn:
    """Do something with the system, and end the command with its exit code."""

    async def connected() -> int:
        async with backend() as system:
            return await action(system)

    raise typer.Exit(asyncio.run(connected()))
