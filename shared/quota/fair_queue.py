"""Whose turn it is: start-time fair queueing over apps, and over the three priorities within each app.

Each app's jobs get virtual start and finish tags (finish = start + tokens/weight, start = the finish of the app's
previous job, or the virtual time if that is later), and the job with the smallest start tag is next: Goyal, Vin and
Cheng, "Start-time Fair Queuing" (SIGCOMM 1996). Two apps that both have work never differ by more than one job of each
in tokens/weight, however much one of them sends; an app that was idle gets no credit for that, and pays nothing.

Within an app the priorities share in the same way, with weights 16 : 4 : 1. So a high job passes what waits before it,
and yet low ones keep at least a twenty-first of the app's share (a strict order would starve them for as long as the
app sends others, which is for ever in a busy app). An app's priorities take nothing from other apps.

Only finish tags of apps that are ahead of the virtual time are kept, relative to it: a small dict.
"""

import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2s
from typing import Any

from shared.messages import Priority

PRIORITY_WEIGHTS = {Priority.HIGH: 16.0, Priority.NORMAL: 4.0, Priority.LOW: 1.0}
MAX_APPS_KEPT = 300
_PRIORITIES = tuple(PRIORITY_WEIGHTS)
_LONGEST_NAME = 20
_DEFAULT_APP = ""


@dataclass(frozen=True, slots=True)
class PendingJob:
    """A call that waits for a booking.

    Attributes:
        id: how the caller names it.
        tokens: its estimate, at least 1.
    """

    id: str
    tokens: int
    app: str = _DEFAULT_APP
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True, slots=True)
class Queue:
    """The head of the queue of one app and priority.

    Attributes:
        jobs: in their order, as many as were read.
        more: whether there are others behind them.
    """

    jobs: Sequence[PendingJob]
    more: bool = False


@dataclass(slots=True)
class _Tags:
    """Finish tags of flows, relative to the virtual time."""

    finish: dict[str, float] = field(default_factory=dict)

    def start(self, flow: str) -> float:
        return self.finish.get(flow, 0.0)

    def serve(self, flow: str, cost: float) -> None:
        self.finish[flow] = self.start(flow) + cost

    def advance(self, backlogged: Collection[str]) -> None:
        """Move the virtual time to the next start, or to the end of all where nothing waits."""
        if not backlogged:
            self.finish.clear()
            return
        now = min(map(self.start, backlogged))
        self.finish = {flow: round(tag - now, 1) for flow, tag in self.finish.items() if tag - now > 0.05}


class FairQueue:
    """Orders pending jobs.

    Args:
        state: what `as_dict` gave; None, or anything unreadable, starts anew (which is fair, too, from now on).
        weights: of apps; 1 for those not named.
    """

    def __init__(self, state: Mapping[str, Any] | None = None, weights: Mapping[str, float] | None = None) -> None:
        self._weights = {_key(app): weight for app, weight in (weights or {}).items() if weight > 0}
        self._apps = _Tags()
        self._within: dict[str, _Tags] = {}
        for app, tags in (state or {}).items():
            if isinstance(tags, list) and len(tags) == 4 and all(isinstance(tag, int | float) for tag in tags):
                self._apps.finish[app] = float(tags[0])
                inner = {str(name): float(tag) for name, tag in zip(_PRIORITIES, tags[1:], strict=True) if tag}
                self._within[app] = _Tags(inner)

    def order(self, queues: Sequence[Queue], most: int, most_tokens: float) -> list[PendingJob]:
        """The next jobs, in the order in which they should be booked. Changes nothing.

        It ends early where it would be the turn of a job that wasn't read: what comes after it isn't known to be next.
        Read more of each queue, or ask again once these are booked.

        Args:
            queues: one for each app and priority that has work.
            most, most_tokens: where to end; at least one job is given if there is one.
        """
        apps: dict[str, list[Queue]] = {}
        for queue in queues:
            if queue.jobs:
                apps.setdefault(_key(queue.jobs[0].app), []).append(queue)
        turns = {app: _AppTurns(self._within.get(app, _Tags()), of_app) for app, of_app in apps.items()}
        heap = [(self._apps.start(app), app) for app in apps]
        heapq.heapify(heap)
        ordered: list[PendingJob] = []
        tokens = 0
        while heap and len(ordered) < most and tokens < most_tokens:
            start, app = heap[0]
            job = turns[app].next()
            if job is None:
                if turns[app].cut_off:
                    break
                heapq.heappop(heap)
                continue
            ordered.append(job)
            tokens += job.tokens
            heapq.heapreplace(heap, (start + job.tokens / self._weight(app), app))
        return ordered

    def booked(self, jobs: Sequence[PendingJob], waiting: Collection[tuple[str, Priority]]) -> None:
        """Count what was booked.

        Args:
            waiting: apps and priorities that still have jobs.
        """
        for job in jobs:
            app = _key(job.app)
            self._apps.serve(app, job.tokens / self._weight(app))
            tags = self._within.setdefault(app, _Tags())
            tags.serve(job.priority, job.tokens / PRIORITY_WEIGHTS[job.priority])
        backlogged: dict[str, set[str]] = {}
        for name, priority in waiting:
            backlogged.setdefault(_key(name), set()).add(priority)
        self._apps.advance(backlogged.keys())
        for app, tags in self._within.items():
            tags.advance(backlogged.get(app, ()))

    def as_dict(self) -> dict[str, Any]:
        """As JSON values: of each app that is ahead or has priorities that are, its finish tag and theirs.

        Of more than 300 apps those that are ahead least are left out: they are treated as not ahead.
        """
        names = {app for app, tags in self._within.items() if tags.finish} | set(self._apps.finish)
        kept = sorted(names, key=lambda app: (-self._apps.start(app), app))[:MAX_APPS_KEPT]
        return {
            app: [
                _short(self._apps.start(app)),
                *(_short(self._within.get(app, _Tags()).start(name)) for name in _PRIORITIES),
            ]
            for app in sorted(kept)
        }

    def _weight(self, app: str) -> float:
        return self._weights.get(app, 1.0)


class _AppTurns:
    """The order within one app; of two priorities with the same tag the higher is next.

    Attributes:
        cut_off: whether `next` ended at a job that wasn't read.
    """

    def __init__(self, tags: _Tags, queues: Sequence[Queue]) -> None:
        self._heap = [
            (tags.start(queue.jobs[0].priority), _PRIORITIES.index(queue.jobs[0].priority), number, 0, queue)
            for number, queue in enumerate(queues)
        ]
        heapq.heapify(self._heap)
        self.cut_off = False

    def next(self) -> PendingJob | None:
        while self._heap:
            start, rank, number, index, queue = self._heap[0]
            if index == len(queue.jobs):
                if queue.more:
                    self.cut_off = True
                    return None
                heapq.heappop(self._heap)
                continue
            job = queue.jobs[index]
            finish = start + job.tokens / PRIORITY_WEIGHTS[job.priority]
            heapq.heapreplace(self._heap, (finish, rank, number, index + 1, queue))
            return job
        return None


def _key(app: str) -> str:
    """The app's name, or a digest of a long one: names of 512 characters come from outside."""
    return app if len(app) <= _LONGEST_NAME else f"#{blake2s(app.encode(), digest_size=9).hexdigest()}"


def _short(tag: float) -> float:
    return int(tag) if tag == int(tag) else round(tag, 1)
