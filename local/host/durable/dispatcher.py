"""Hands a host's share of the work to its workers."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from local.host.durable.entity import is_entity
from local.host.durable.failures import first_line
from local.host.durable.hub import FencedError, Hub, Lease, ReplacedError
from local.host.durable.leases import RENEW_S, Leases
from local.host.durable.runners import AbortedError, ActivityRunner, EntityRunner, OrchestrationRunner, StorageDownError
from local.host.durable.work_table import Activity, WorkTable

# How often to look for what other hosts have written: soon after there was something to do, and otherwise.
_QUICK_POLL_S, _POLL_S = 0.005, 0.04
_LIVELY_S = 0.3
_LONGEST_WAIT_S = 60.0
_FIRST_BACKOFF_S = 0.25
_LONGEST_BACKOFF_S = 60.0
_AT_ONCE = 256

_log = logging.getLogger("Host.Triggers.DurableTask")


@dataclass(frozen=True, slots=True)
class Limits:
    """How many functions of each kind run at a time."""

    activities: int
    orchestrations: int
    entities: int


@dataclass(frozen=True, slots=True)
class Runners:
    """Who does the work."""

    orchestrations: OrchestrationRunner
    entities: EntityRunner
    activities: ActivityRunner


class Dispatcher:
    """Starts what is due in the partitions that this host holds, and activities from anywhere.

    Args:
        storage_works: whether storage can be used; while it can't, nothing is started.
        works: False for a host that only has clients.
    """

    def __init__(
        self,
        hub: Hub,
        leases: Leases,
        work: WorkTable,
        runners: Runners,
        limits: Limits,
        storage_works: Callable[[], Awaitable[bool]],
        *,
        works: bool = True,
    ) -> None:
        self._hub = hub
        self._leases = leases
        self._work = work
        self._runners = runners
        self._limits = limits
        self._storage_works = storage_works
        self._works = works
        self._busy: dict[str, Lease] = {}
        self._activities: dict[int, Activity] = {}
        self._attempts: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self._began_s = 0.0  # when something was begun last, by time.monotonic()
        hub.database.on_write = self._wake.set

    def start(self) -> None:
        """Take part in the hub's work."""
        self._leases.join(time.time())
        self._loops = [asyncio.create_task(self._keep_leases())]
        if self._works:
            self._loops.append(asyncio.create_task(self._dispatch_loop()))

    def stop(self) -> None:
        """Start nothing more."""
        self._stopping = True
        self._wake.set()

    async def drain(self) -> None:
        """Wait for what is under way, then leave the hub to the others."""
        try:
            while self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            for loop in self._loops:
                loop.cancel()
            await asyncio.gather(*self._loops, return_exceptions=True)
            self._leases.leave()

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                in_use = {lease.partition for lease in self._busy.values()}
                self._leases.tick(time.time(), in_use)
                self._work.renew(self._activities.keys(), time.time())
            except sqlite3.Error as error:
                _log.error("The task hub's leases can't be renewed: %s", error)
            self._wake.set()

    async def _dispatch_loop(self) -> None:
        seen = self._hub.database.changes_by_others()
        while not self._stopping:
            self._wake.clear()
            try:
                if await self._storage_works() and not self._stopping:
                    self._dispatch()
                    seen = await self._wait(seen)
                else:
                    await asyncio.sleep(_POLL_S)
            except sqlite3.Error as error:
                _log.error("The task hub can't be read: %s", error)
                await asyncio.sleep(1.0)

    def _dispatch(self) -> None:
        now_s = time.time()
        entities = sum(map(is_entity, self._busy))
        free = {True: self._limits.entities - entities, False: self._limits.orchestrations - len(self._busy) + entities}
        if now_s < self._leases.expires_s and any(free.values()):
            for target in self._hub.ready(self._leases.held, now_s, self._busy, _AT_ONCE):
                lease = self._leases.held[self._hub.partition_of(target)]
                if free[is_entity(target)] > 0:
                    free[is_entity(target)] -= 1
                    self._busy[target] = lease
                    self._spawn(self._process(target, lease))
        for activity in self._work.claim(self._limits.activities - len(self._activities), now_s):
            self._activities[activity.seq] = activity
            self._spawn(self._run_activity(activity))

    async def _wait(self, seen: int) -> int:
        """Until there may be something to do."""
        now_s = time.time()
        due_s = min(self._hub.next_due_s(self._leases.held, now_s) or float("inf"), self._work_due_s(now_s))
        end_s = min(due_s, now_s + _LONGEST_WAIT_S)
        while not self._wake.is_set() and (left_s := end_s - time.time()) > 0:
            try:
                async with asyncio.timeout(left_s if self._leases.alone else min(left_s, self._poll_s())):
                    await self._wake.wait()
            except TimeoutError:
                changes = self._hub.database.changes_by_others()
                if changes != seen:
                    return changes
        return self._hub.database.changes_by_others()

    def _poll_s(self) -> float:
        return _QUICK_POLL_S if time.monotonic() - self._began_s < _LIVELY_S else _POLL_S

    def _work_due_s(self, now_s: float) -> float:
        """When a locked activity may become free; what is free now waits for a place, not for time."""
        free_s = self._work.next_free_s()
        return free_s if free_s > now_s else float("inf")

    async def _process(self, target: str, lease: Lease) -> None:
        runner = self._runners.entities if is_entity(target) else self._runners.orchestrations
        try:
            await runner.run(target, lease)
            self._attempts.pop(target, None)
        except FencedError as error:
            _log.warning("An outcome is dropped: %s.", error)
            if not isinstance(error, ReplacedError):
                self._leases.lost(lease)
        except AbortedError as error:
            delay_s = 0.0 if isinstance(error, StorageDownError) else self._backoff_s(target)
            _log.warning("'%s' is tried again in %g s: %s", target, delay_s, first_line(error))
            self._postpone(target, delay_s)
        except Exception:
            _log.exception("'%s' could not be worked on; trying again.", target)
            self._postpone(target, self._backoff_s(target))
        finally:
            self._busy.pop(target, None)
            self._wake.set()

    async def _run_activity(self, activity: Activity) -> None:
        key = f"activity {activity.seq}"
        try:
            await self._runners.activities.run(activity)
            self._attempts.pop(key, None)
        except AbortedError as error:
            delay_s = 0.0 if isinstance(error, StorageDownError) else self._backoff_s(key)
            _log.warning("Activity '%s' is run again in %g s: %s", activity.name, delay_s, first_line(error))
            self._release(activity, delay_s)
        except Exception:
            _log.exception("Activity '%s' could not be run; trying again.", activity.name)
            self._release(activity, self._backoff_s(key))
        finally:
            self._activities.pop(activity.seq, None)
            self._wake.set()

    def _postpone(self, target: str, delay_s: float) -> None:
        with suppress(sqlite3.Error):  # then it is tried again at once
            self._hub.postpone(target, time.time() + delay_s)

    def _release(self, activity: Activity, delay_s: float) -> None:
        with suppress(sqlite3.Error):  # then its lock runs out
            self._work.release(activity, time.time() + delay_s)

    def _backoff_s(self, key: str) -> float:
        attempts = self._attempts[key] = self._attempts.get(key, 0) + 1
        return min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2.0 ** min(attempts - 1, 20))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._began_s = time.monotonic()
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
