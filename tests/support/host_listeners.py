"""What tests of the host's listeners need: an invoker that records, functions, waiting for what must happen."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from local.host.contracts import Datum, Function, Invocation, InvocationResult, Listener

Behaviour = Callable[[Invocation], Awaitable[None]]


async def succeed(invocation: Invocation) -> None:
    """A function that does nothing."""


class RecordingInvoker:
    """Stands in for workers.

    Attributes:
        behaviour: what a call does; raises what the call is to fail with.
        begun, ended: all calls so far.
        most: the most calls that were under way at a time.
    """

    def __init__(self, behaviour: Behaviour = succeed) -> None:
        self.behaviour = behaviour
        self.begun: list[Invocation] = []
        self.ended: list[Invocation] = []
        self.under_way = 0
        self.most = 0

    async def invoke(self, invocation: Invocation) -> InvocationResult:
        self.begun.append(invocation)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.behaviour(invocation)
        finally:
            self.under_way -= 1
        self.ended.append(invocation)
        return InvocationResult(None, {})

    def texts(self, argument: str = "arg") -> list[Any]:
        """What the calls that were begun got as input."""
        return [invocation.inputs[argument].value for invocation in self.begun]


def function(trigger_type: str, name: str = "work", **trigger: Any) -> Function:
    """A function whose trigger has these properties beside name, type and connection."""
    properties = {key: setting for key, setting in trigger.items() if setting is not None}
    return Function(name, name, {"name": "arg", "type": trigger_type, "connection": "Connection", **properties}, (), ())


def value(invocation: Invocation, name: str) -> Datum:
    """One datum of the metadata."""
    return invocation.metadata[name]


async def eventually(condition: Callable[[], Any], what: str, timeout_s: float = 20.0) -> None:
    """Wait until something has become true."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what}")
        await asyncio.sleep(0.01)


@asynccontextmanager
async def running(listener: Listener) -> AsyncIterator[Listener]:
    """A started listener, stopped and drained at the end."""
    await listener.start()
    try:
        yield listener
    finally:
        await listener.stop()
        await listener.drain()
