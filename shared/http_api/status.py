"""How the whole system is, from counters and lists that the app keeps itself."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol

from shared.errors import MessagingError, SluiceError, UnknownQueueError
from shared.http_api.failures import error_view
from shared.http_api.messages import Call, Response
from shared.http_api.responses import APIResponse
from shared.jobs.job_list import JobList
from shared.jobs.kinds import Kind
from shared.jobs.list_counts import MINUTES
from shared.jobs.quota_history import QuotaHistory, last_hour
from shared.jobs.record import JobState
from shared.jobs.store import JobStore
from shared.security.errors import ForbiddenError
from shared.version import VERSION

KEEP_S = 2.0
_FAILURES = 20
DEAD_LETTER_LIMIT = 100
"""Dead letters are counted up to here: only a look at each tells their number."""
_EVENTS = ("accepted", "succeeded", "failed", "cancelled")
_SECTION_S = 8.0

type ReadCounter = Callable[[str], Awaitable[Mapping[str, Any] | None]]
"""What the token counter of a deployment says."""
type Section = Callable[[], Awaitable[Any]]
"""Facts as JSON. Raises SluiceError where they can't be had."""


class Queues(Protocol):
    """Looks into queues."""

    async def count(self, queue: str, *, dead_letters: bool = False, limit: int = 1000) -> int: ...


@dataclass(frozen=True, slots=True)
class Provider:
    """A model deployment, as it is set."""

    deployment: str
    roles: Sequence[str]
    endpoint: str
    model: str


@dataclass(frozen=True, slots=True)
class StatusParts:
    """Where the facts come from.

    Attributes:
        waiting: by deployment: calls that wait, by app.
        dead_letters: how many there are, by kind and queue.
        runs: those that are listed.
        logs: of log shipping; None where no logs are shipped.
    """

    app_id: str
    kinds: Mapping[str, Kind]
    job_list: JobList
    store: JobStore
    history: QuotaHistory
    waiting: Mapping[str, Callable[[], Awaitable[Mapping[str, int]]]]
    providers: Sequence[Provider]
    dead_letters: Section
    runs: Section
    logs: Section | None = None
    release: str | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic


class StatusApi:
    """Gathers the facts, and tells them again for two seconds: many may look at once."""

    def __init__(self, parts: StatusParts) -> None:
        self._parts = parts
        self._facts: dict[str, Any] | None = None
        self._at_s = float("-inf")
        self._turn = asyncio.Lock()

    async def status(self, call: Call, counter: ReadCounter) -> Response:
        """The facts as JSON."""
        return APIResponse.success(await self.facts(call, counter))

    async def facts(self, call: Call, counter: ReadCounter) -> dict[str, Any]:
        """All facts. A part that can't be had is `{"error": "..."}` instead.

        Raises:
            ForbiddenError: the caller may see some apps' jobs alone, and this is about all.
        """
        if call.who.apps is not None:
            raise ForbiddenError("The status is about the jobs of all apps, and you may see those of some.")
        async with self._turn:
            if self._facts is None or self._parts.monotonic() - self._at_s >= KEEP_S:
                self._facts = await self._gather(counter)
                self._at_s = self._parts.monotonic()
            return self._facts

    async def _gather(self, counter: ReadCounter) -> dict[str, Any]:
        parts = self._parts
        kinds = [self._part(partial(self._kind, kind)) for kind in parts.kinds]
        deployments = [self._part(partial(self._deployment, one.deployment, counter)) for one in parts.providers]
        found = await asyncio.gather(
            *kinds,
            *deployments,
            self._part(self._failures),
            self._part(parts.dead_letters),
            self._part(parts.runs),
            *([self._part(parts.logs)] if parts.logs else []),
        )
        of_kinds, rest = found[: len(kinds)], found[len(kinds) :]
        of_deployments, others = rest[: len(deployments)], rest[len(deployments) :]
        return {
            "app_id": parts.app_id,
            "version": VERSION,
            "release": parts.release,
            "at": parts.now().isoformat(),
            "kinds": dict(zip(parts.kinds, of_kinds, strict=True)),
            "deployments": {one.deployment: facts for one, facts in zip(parts.providers, of_deployments, strict=True)},
            "runs": others[2],
            "failures": others[0],
            "dead_letters": others[1],
            "logs": others[3] if parts.logs else None,
            "providers": [
                {"deployment": one.deployment, "for": list(one.roles), "endpoint": one.endpoint, "model": one.model}
                for one in parts.providers
            ],
        }

    async def _part(self, section: Section) -> Any:
        try:
            async with asyncio.timeout(_SECTION_S):
                return await section()
        except TimeoutError:
            return {"error": f"It took longer than {_SECTION_S:g} s."}
        except SluiceError as error:
            return {"error": str(error)}

    async def _kind(self, kind: str) -> dict[str, Any]:
        parts, now = self._parts, self._parts.now()
        counts = await parts.job_list.counts(kind)
        states: dict[str, Any] = {}
        for state in JobState:
            states[str(state)] = {"count": max(0, counts.states.get(state, 0))}
            if not state.final:
                oldest = await parts.job_list.oldest(kind, state)
                states[str(state)]["oldest_s"] = round((now - oldest).total_seconds(), 1) if oldest else None
        last = int(now.timestamp() // 60)
        minutes: list[dict[str, Any]] = [
            {"at": _minute(one), **dict(zip(_EVENTS, counts.minutes.get(one, (0, 0, 0, 0)), strict=True))}
            for one in range(last - MINUTES + 1, last + 1)
        ]
        hour = {name: sum(minute[name] for minute in minutes) for name in _EVENTS}
        return {"states": states, "last_hour": hour, "minutes": minutes}

    async def _deployment(self, name: str, counter: ReadCounter) -> dict[str, Any]:
        said = dict(await counter(name) or {})
        said.pop("ok", None)
        history = last_hour(await self._parts.history.load(name), int(self._parts.now().timestamp() // 60))
        return {
            **said,
            "free_tokens": max(0, int(said["limits"]["tpm"]) - said["used_tokens"]),
            "frozen_for_s": round(max(0.0, said["frozen_until_s"] - said["now_s"]), 1),
            "waiting": dict(await self._parts.waiting[name]()),
            "minutes": [
                {
                    "at": _minute(one.minute),
                    "used": one.used,
                    "booked": one.booked,
                    "free": max(0, one.limit - one.used),
                    "limit": one.limit,
                    "throttles": one.throttles,
                }
                for one in history
            ],
        }

    async def _failures(self) -> list[dict[str, Any]]:
        found = []
        for kind in self._parts.kinds:
            count = 0
            async for record in self._parts.store.failures(kind):
                found.append(record)
                count += 1
                if count == _FAILURES:
                    break
        newest = sorted(found, key=lambda record: record.failure_key or "")[:_FAILURES]
        return [error_view(record) for record in newest]


async def count_dead_letters(
    kinds: Mapping[str, Kind], queues: Queues, webhooks: str
) -> dict[str, dict[str, int | None]]:
    """By kind and queue: how many dead letters there are, up to a limit; None where we may not look.

    Args:
        webhooks: the queue of webhooks, which counts as a kind.
    """

    async def one(queue: str) -> int | None:
        try:
            return await queues.count(queue, dead_letters=True, limit=DEAD_LETTER_LIMIT)
        except (UnknownQueueError, MessagingError):
            return None

    names = {
        **{kind: (found.queues.inbox, found.queues.run, found.queues.outbox) for kind, found in kinds.items()},
        "webhooks": (webhooks,),
    }
    flat = [queue for queues_of_kind in names.values() for queue in queues_of_kind]
    counted = dict(zip(flat, await asyncio.gather(*(one(queue) for queue in flat)), strict=True))
    return {kind: {queue: counted[queue] for queue in found} for kind, found in names.items()}


def _minute(number: int) -> str:
    return (datetime.fromtimestamp(0, UTC) + timedelta(minutes=number)).isoformat()
