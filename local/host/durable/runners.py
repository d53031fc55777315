"""Calls orchestrator, entity and activity functions, and stores what comes of it."""

import json
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from local.host.contracts import Datum, Function, FunctionFailedError, Invocation, Invoker, WorkerLostError
from local.host.durable import entity, episode, failures, selection
from local.host.durable.functions import DurableFunctions
from local.host.durable.history import Event, EventType, message
from local.host.durable.http_call import HttpCallError, call
from local.host.durable.hub import FencedError, Hub, Lease
from local.host.durable.records import Instance
from local.host.durable.replies import Reply, read_failure, read_reply
from local.host.durable.scheduling import HTTP_ACTIVITY, UnknownFunctionError
from local.host.durable.work_table import Activity, WorkTable
from local.host.worker_process import FunctionRaisedError

_log = logging.getLogger("Host.Triggers.DurableTask")


class AbortedError(Exception):
    """The work was not done and has to be done again, later."""


class StorageDownError(AbortedError):
    """What was done can't be stored now."""


class RandomIds:
    """New ids as .NET makes them."""

    def execution_id(self) -> str:
        return uuid.uuid4().hex

    def request_id(self) -> str:
        return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class Calls:
    """How functions are called.

    Attributes:
        timeout_s: functionTimeout; None means none.
        storage_works: whether storage can be written; asked before every outcome is stored.
    """

    invoker: Invoker
    functions: DurableFunctions
    timeout_s: float | None
    storage_works: Callable[[], Awaitable[bool]]

    async def run(self, function: Function, text: str) -> str | None:
        """Call a function whose trigger takes text.

        Returns:
            JSON text, or None if it returned nothing.

        Raises:
            FunctionFailedError: it raised.
            FunctionTimeoutError: it took longer than functionTimeout.
            AbortedError: its worker was lost.
        """
        started = time.monotonic()
        try:
            result = await self.invoker.invoke(
                Invocation(function, {function.trigger["name"]: Datum("string", text)}),
            )
        except WorkerLostError as error:
            if self.timeout_s is not None and time.monotonic() - started >= self.timeout_s:
                raise failures.FunctionTimeoutError(function.name, self.timeout_s) from error
            raise AbortedError(str(error)) from error
        value = result.return_value
        if value is None or value.kind == "none":
            return None
        return str(value.value) if value.kind == "json" else json.dumps(value.value)

    async def check_storage(self) -> None:
        """Raises:
        StorageDownError: it can't be used.
        """
        if not await self.storage_works():
            raise StorageDownError("storage can't be used")


class OrchestrationRunner:
    """Runs episodes."""

    def __init__(self, hub: Hub, calls: Calls, clock: Callable[[], float] = time.time) -> None:
        self._hub = hub
        self._calls = calls
        self._clock = clock
        self._ids = RandomIds()

    async def run(self, target: str, lease: Lease) -> None:
        """One step of one instance.

        Raises:
            AbortedError: to be done again.
            FencedError: another host has taken over.
        """
        now_s = self._clock()
        instance = self._hub.instances.get(target)
        messages = self._hub.messages(target, now_s)
        chosen = selection.select(instance, messages)
        if chosen.dropped or not messages or instance is None:
            self._hub.drop(lease, target, chosen.dropped)
        if instance is None or chosen.kind == "wait":
            if not chosen.dropped and messages:
                self._hub.park(target)
            return
        if chosen.kind == "control":
            commit = episode.control(instance, chosen.taken[0], now_s)
        else:
            events = episode.new_events(chosen.taken, now_s)
            reply = await self._ask(instance, events)
            commit = episode.finish(instance, chosen.taken, events, reply, self._calls.functions, self._ids, now_s)
        await self._calls.check_storage()
        self._hub.commit_episode(lease, instance, commit, chosen.taken, max(m.seq for m in messages))

    async def _ask(self, instance: Instance, events: list[Event]) -> Reply:
        function = self._calls.functions.orchestrator(instance.name)
        if function is None:
            try:
                self._calls.functions.check_orchestrator(instance.name)
            except UnknownFunctionError as error:
                return Reply((), error=str(error))
        assert function is not None  # noqa: S101 - checked above
        text = episode.context(instance, self._hub.instances.history(instance.id), events)
        try:
            return read_reply(await self._calls.run(function, text) or "null")
        except FunctionRaisedError as error:
            return read_failure(str(error), error.stack_trace)
        except (FunctionFailedError, ValueError) as error:
            return Reply((), error=str(error))
        except failures.FunctionTimeoutError as error:
            raise AbortedError(str(error)) from error


class EntityRunner:
    """Runs batches of operations.

    Args:
        batch_size: maxEntityOperationBatchSize.
    """

    def __init__(self, hub: Hub, calls: Calls, batch_size: int, clock: Callable[[], float] = time.time) -> None:
        self._hub = hub
        self._calls = calls
        self._clock = clock
        self._batch_size = batch_size

    async def run(self, target: str, lease: Lease) -> None:
        """One batch of one entity.

        Raises:
            AbortedError: to be done again.
            FencedError: another host has taken over.
        """
        waiting = self._hub.operations(target, self._batch_size)
        if not waiting:
            self._hub.drop(lease, target, ())
            return
        entity_id = entity.parse_entity_id(target)
        function = self._calls.functions.entity(entity_id.name)
        if function is None:
            raise AbortedError(f"there is no entity function '{entity_id.name}'")
        batch = [operation for _, operation in waiting]
        state = self._hub.entity_state(target)
        try:
            reply = await self._calls.run(function, entity.context(entity_id, state, batch))
            result = entity.finish(batch, reply or "null")
        except failures.FunctionTimeoutError as error:
            result = entity.timed_out(batch, state, str(error))
        except (FunctionFailedError, ValueError) as error:
            # Not an operation but the batch as a whole: the real host tries it again, for ever.
            raise AbortedError(f"a batch of entity {target} failed: {failures.first_line(error)}") from error
        await self._calls.check_storage()
        self._hub.commit_batch(lease, target, (seq for seq, _ in waiting), result, self._clock())


class ActivityRunner:
    """Runs activities."""

    def __init__(self, work: WorkTable, calls: Calls) -> None:
        self._work = work
        self._calls = calls

    async def run(self, activity: Activity) -> None:
        """Run one activity and send its outcome.

        Raises:
            AbortedError: to be done again.
        """
        event = await self._outcome(activity)
        await self._calls.check_storage()
        try:
            self._work.complete(activity, event)
        except FencedError as error:
            _log.warning("The outcome of an activity is dropped: %s.", error)

    async def _outcome(self, activity: Activity) -> Event:
        function = self._calls.functions.activity(activity.name)
        try:
            if activity.name == HTTP_ACTIVITY:
                result: str | None = await call(activity.input or "{}", self._calls.timeout_s)
            elif function is None:
                text = f"Activity function '{activity.name}' does not exist."
                return _failed(activity, failures.activity(activity.name, text, text))
            else:
                result = await self._calls.run(function, activity.input or "null")
        except HttpCallError as error:
            return _failed(activity, failures.Failure(str(error), failures.details(str(error))))
        except FunctionRaisedError as error:
            return _failed(activity, failures.raised(activity.name, str(error), error.stack_trace))
        except (FunctionFailedError, failures.FunctionTimeoutError) as error:
            return _failed(activity, failures.activity(activity.name, str(error), ""))
        return message(EventType.TASK_COMPLETED, TaskScheduledId=activity.task_id, Result=result)


def _failed(activity: Activity, failure: failures.Failure) -> Event:
    return message(
        EventType.TASK_FAILED, TaskScheduledId=activity.task_id, Reason=failure.reason, Details=failure.details
    )
