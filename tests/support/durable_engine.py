"""The durable engine without host and workers: Microsoft's SDK runs in this process, the clock is the test's."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from azure.durable_functions.entity import Entity
from azure.durable_functions.orchestrator import Orchestrator

from local.host.contracts import Datum, Function, Invocation, InvocationResult
from local.host.durable.client import HubClient
from local.host.durable.functions import DurableFunctions
from local.host.durable.hub import Hub
from local.host.durable.leases import LEASE_S, Leases
from local.host.durable.runners import ActivityRunner, Calls, EntityRunner, OrchestrationRunner
from local.host.durable.work_table import WorkTable
from local.host.worker_process import FunctionRaisedError

type Interference = Callable[[str], None]


class CrashError(BaseException):
    """The process is gone."""


class App:
    """Functions that the SDK runs in this process.

    Attributes:
        before, after: called with the function's name when its run begins and has ended; may raise CrashError.
        calls: how often each function was run.
    """

    def __init__(self) -> None:
        self.functions = DurableFunctions()
        self.before: Interference = lambda _: None
        self.after: Interference = lambda _: None
        self.calls: dict[str, int] = {}
        self._handlers: dict[str, Callable[[str], str]] = {}

    def orchestrator(self, name: str, function: Callable[..., Any]) -> None:
        self._add("orchestrationTrigger", name, Orchestrator.create(function))

    def entity(self, name: str, function: Callable[..., Any]) -> None:
        self._add("entityTrigger", name, Entity.create(function), entityName=name)

    def activity(self, name: str, function: Callable[..., Any]) -> None:
        self._add("activityTrigger", name, lambda text: json.dumps(function(json.loads(text))))

    async def invoke(self, invocation: Invocation) -> InvocationResult:
        name = invocation.function.name
        self.before(name)
        self.calls[name] = self.calls.get(name, 0) + 1
        try:
            text = self._handlers[name](invocation.inputs["arg"].value)
        except Exception as error:
            raise FunctionRaisedError(f"{type(error).__name__}: {error}", "stack") from error
        finally:
            self.after(name)
        return InvocationResult(Datum("json", text), {})

    def _add(self, kind: str, name: str, handler: Callable[[str], str], **trigger: str) -> None:
        self.functions.add(Function(name, name, {"type": kind, "name": "arg", **trigger}, (), ()))
        self._handlers[name] = handler


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


class Engine:
    """One life of a host. When it is over, open another on the same file.

    Args:
        path: of the task hub.
    """

    def __init__(self, path: Path, app: App, clock: Clock, batch: int = 5) -> None:
        self.hub = Hub(path, 4)
        self.clock = clock
        self.leases = Leases(self.hub.database, 4)
        self.leases.join(clock())
        calls = Calls(app, app.functions, None, _always)
        self.client = HubClient(self.hub, app.functions, _always)
        self.work = WorkTable(self.hub, self.leases.host)
        self.orchestrations = OrchestrationRunner(self.hub, calls, clock)
        self.entities = EntityRunner(self.hub, calls, batch, clock)
        self.activities = ActivityRunner(self.work, calls)

    async def step(self, random: Random) -> bool:
        """Do one thing that can be done, any of them; if nothing can, let time pass.

        Returns:
            False if nothing will ever be to be done.
        """
        now_s = self.clock()
        ready = self.hub.ready(self.leases.held, now_s, (), 100)
        if self.work.next_free_s() <= now_s and (not ready or random.random() < 0.5):
            (activity,) = self.work.claim(1, now_s)
            await self.activities.run(activity)
        elif ready:
            await self.run(random.choice(ready))
        else:
            due_s = min(self.hub.next_due_s(self.leases.held, now_s) or float("inf"), self.work.next_free_s())
            if due_s == float("inf"):
                return False
            self.clock.now_s = due_s
        return True

    async def run(self, target: str) -> None:
        """One step of one instance or entity."""
        lease = self.leases.held[self.hub.partition_of(target)]
        await (self.entities if target.startswith("@") else self.orchestrations).run(target, lease)

    async def finish(self, random: Random, limit: int = 5000) -> None:
        """Go on until nothing is left to do."""
        for _ in range(limit):
            if not await self.step(random):
                return
        raise AssertionError(f"not at an end after {limit} steps")

    def abandon(self) -> None:
        """End without a word, as with kill -9; its leases run out."""
        self.hub.database.close()
        self.clock.now_s += LEASE_S + 1


async def _always() -> bool:
    return True
