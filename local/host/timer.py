"""Timer triggers (TimerListener.cs of azure-webjobs-sdk-extensions)."""

import asyncio
import logging
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from azure.core.exceptions import AzureError
from azure.storage.blob.aio import BlobServiceClient

from local.host import connections
from local.host.bindings import BindingError
from local.host.contracts import Datum, Function, FunctionFailedError, Invocation, Invoker, WorkerLostError
from local.host.host_json import HostJson
from local.host.schedule import Schedule, parse_schedule
from local.host.singleton import ListenerLock
from local.host.timer_status import NEVER, TimerStatus, TimerStatusStore, check_status, due_after

_STORAGE_RETRY_S = 5.0
_LONGEST_SLEEP_S = 3600.0
_log = logging.getLogger(__name__)


class TimerListener:
    """Runs one function on its schedule, on one host at a time, never twice at once.

    A run that was missed while no host ran is made up for once, at start. An error doesn't stop the schedule.

    Args:
        storage: holds the lease, and the status of a monitored timer. The listener closes it.
        status: None for a timer that isn't monitored.
        clock: the time now, aware.
    """

    def __init__(
        self,
        function: Function,
        schedule: Schedule,
        invoker: Invoker,
        storage: BlobServiceClient,
        lock: ListenerLock,
        status: TimerStatusStore | None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._function = function
        self._schedule = schedule
        self._invoker = invoker
        self._storage = storage
        self._lock = lock
        self._store = status
        self._clock = clock
        self._status = TimerStatus(NEVER, NEVER, NEVER)
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to keep the schedule, as soon as the lease is ours."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Start no more runs. One under way goes on, its retries don't."""
        self._stopping.set()

    async def drain(self) -> None:
        """Wait for the run under way, give the lease back, close storage."""
        try:
            if self._task is not None:
                await self._task
        finally:
            await self._lock.release()
            await self._storage.close()

    async def run_by_hand(self, _: str) -> None:
        """Run the function now, beside its schedule; what the caller gives as input isn't used."""
        status = await self._store.load() if self._store else None
        with suppress(FunctionFailedError, WorkerLostError):
            await self._invoker.invoke(self._invocation(status, past_due=False))

    async def _run(self) -> None:
        stopped = asyncio.create_task(self._stopping.wait())
        lease = asyncio.create_task(self._lock.acquire())
        try:
            while True:
                await asyncio.wait([lease, stopped], return_when=asyncio.FIRST_COMPLETED)
                if stopped.done():
                    return
                lease = asyncio.create_task(self._lock.keep())
                await self._keep_schedule(lease, stopped)
                lease.cancel()
                lease = asyncio.create_task(self._lock.acquire())
        finally:
            lease.cancel()
            stopped.cancel()

    async def _keep_schedule(self, lost: asyncio.Task[None], stopped: asyncio.Task[Any]) -> None:
        """Run the function when it is due, until the lease is lost or the listener is stopped."""
        missed = await self._load_status()
        if missed:
            _log.info("Timer '%s' is past due: running it now.", self._function.name)
            await self._fire(past_due=True)
        elif self._function.trigger.get("runOnStartup"):
            await self._fire(on_startup=True)
        while not stopped.done() and not lost.done():
            wait_s = (self._status.next - self._clock()).total_seconds()
            if wait_s <= 0:
                await self._fire()
            else:
                # In pieces: the clock may be set, and asyncio's timers don't follow it.
                pause_s = min(wait_s, _LONGEST_SLEEP_S)
                await asyncio.wait([lost, stopped], timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)

    async def _load_status(self) -> bool:
        """Take up the kept status. Returns whether a run was missed."""
        while True:
            try:
                kept = await self._store.load() if self._store else None
                break
            except AzureError as error:
                _log.warning("The status of timer '%s' can't be read: %s", self._function.name, error)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), _STORAGE_RETRY_S)
                    return False
        self._status, changed, missed = check_status(self._schedule, kept, self._clock())
        if changed and self._store:
            await self._store.save(self._status)
        return missed

    async def _fire(self, *, past_due: bool = False, on_startup: bool = False) -> None:
        if self._stopping.is_set():
            return
        fired_at = self._clock()
        await self._invoke(past_due=past_due)
        # A timer of the operating system may fire a moment early: the next time must not be the same again.
        last = fired_at if past_due or on_startup else max(fired_at, self._status.next)
        self._status = TimerStatus(last, due_after(self._schedule, last), last)
        if self._store:
            await self._store.save(self._status)

    async def _invoke(self, *, past_due: bool) -> None:
        """Run the function, and again after a failure as its retry policy says."""
        policy = self._function.retry
        retries = policy["max_retry_count"] if policy else 0
        delays = _delays(policy) if policy else iter(())
        attempt = 0
        while True:
            status = self._status if self._store else None
            try:
                await self._invoker.invoke(
                    self._invocation(status, past_due=past_due, attempt=attempt, retries=retries)
                )
                return
            except (FunctionFailedError, WorkerLostError):
                if policy is None or attempt == retries:
                    return
            attempt += 1
            delay_s = next(delays)
            _log.info("Waiting %g s before retry %d of '%s' (of %d).", delay_s, attempt, self._function.name, retries)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay_s)
                return

    def _invocation(
        self, status: TimerStatus | None, *, past_due: bool, attempt: int = 0, retries: int = 0
    ) -> Invocation:
        info = {
            "Schedule": {"AdjustForDST": self._schedule.adjust_for_dst},
            "ScheduleStatus": status.as_dict() if status else None,
            "IsPastDue": past_due,
        }
        name = self._function.trigger["name"]
        return Invocation(self._function, {name: Datum.json(info)}, retry_count=attempt, max_retry_count=retries)


def create_listener(
    function: Function, invoker: Invoker, settings: Mapping[str, str], host_json: HostJson, host_id: str
) -> TimerListener:
    """A listener for a function with a timer trigger.

    Raises:
        BindingError: the schedule isn't one, or AzureWebJobsStorage is missing or unusable.
    """
    try:
        schedule = parse_schedule(str(function.trigger.get("schedule", "")))
    except ValueError as error:
        raise BindingError(str(error)) from error
    try:
        storage = connections.blob_client(settings, connections.HOST_STORAGE)
    except BindingError as error:
        raise BindingError(
            f"a timer needs the setting AzureWebJobsStorage for its lease and status: {error}"
        ) from error
    lock = ListenerLock(storage, host_id, function.name, host_json.listener_lock_s, host_json.listener_lock_poll_s)
    monitored = function.trigger.get("useMonitor", True) and schedule.monitored
    store = TimerStatusStore(storage, host_id, function.name) if monitored else None
    return TimerListener(function, schedule, invoker, storage, lock, store)


def _delays(policy: Mapping[str, Any]) -> Iterator[float]:
    """Seconds to wait before each retry (FixedDelayRetryAttribute.cs, RandomizedExponentialBackoffStrategy.cs)."""
    if policy["strategy"] == "fixed_delay":
        while True:
            yield policy["delay_s"]
    minimum, maximum = policy["minimum_s"], policy["maximum_s"]
    yield min(minimum, maximum)
    exponent = 0
    while True:
        delay = minimum + random.uniform(0.8, 1.2) * 2.0 ** min(exponent, 40) * minimum
        yield min(delay, maximum)
        exponent += 1
