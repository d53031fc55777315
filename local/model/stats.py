"""What this server counts of its calls: never what is in them."""

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from local.model.azure_errors import Operation

HISTORY_S = 3600


@dataclass(slots=True)
class Second:
    """One second of the history, by when calls ended.

    Attributes:
        t: Unix time in whole seconds.
        throttled: 429s.
        charged: tokens charged on arrival.
        billed: tokens of prompts and answers.
    """

    t: int
    calls: int = 0
    throttled: int = 0
    charged: int = 0
    billed: int = 0


@dataclass(slots=True)
class Call:
    """A call on its way."""

    operation: Operation
    deployment: str = ""
    charged: int = 0
    billed: int = 0


@dataclass(slots=True)
class Stats:
    """Counts since the start or the last reset."""

    clock: Callable[[], float] = time.time
    in_flight: int = 0
    most_in_flight: int = 0
    _total: Counter[str] = field(default_factory=Counter)
    _statuses: Counter[str] = field(default_factory=Counter)
    _operations: Counter[str] = field(default_factory=Counter)
    _deployments: dict[str, Counter[str]] = field(default_factory=dict)
    _history: deque[Second] = field(default_factory=lambda: deque(maxlen=HISTORY_S))

    def begin(self, operation: Operation) -> Call:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        return Call(operation)

    def end(self, call: Call, status: str) -> None:
        """Count a call.

        Args:
            status: the HTTP status, or "dropped".
        """
        self.in_flight -= 1
        counts = {"calls": 1, "throttled": int(status == "429"), "charged": call.charged, "billed": call.billed}
        self._total.update(counts)
        self._deployments.setdefault(call.deployment, Counter()).update(counts)
        self._statuses[status] += 1
        self._operations[call.operation] += 1
        second = self._second()
        second.calls += 1
        second.throttled += counts["throttled"]
        second.charged += call.charged
        second.billed += call.billed

    def reset(self) -> None:
        """Forget everything but what is in flight."""
        self.most_in_flight = self.in_flight
        for counter in (self._total, self._statuses, self._operations, self._deployments, self._history):
            counter.clear()

    def report(self, history_s: int = HISTORY_S) -> dict[str, Any]:
        """Everything as JSON.

        Args:
            history_s: how many seconds back the history reaches; seconds without a call are left out.
        """
        since = self.clock() - history_s
        return {
            **_counts(self._total),
            "by_status": dict(self._statuses),
            "by_operation": dict(self._operations),
            "by_deployment": {name: _counts(counts) for name, counts in self._deployments.items()},
            "in_flight": self.in_flight,
            "most_in_flight": self.most_in_flight,
            "history": [asdict(second) for second in self._history if second.t >= since],
        }

    def _second(self) -> Second:
        t = int(self.clock())
        if not self._history or self._history[-1].t != t:
            self._history.append(Second(t))
        return self._history[-1]


def _counts(counts: Mapping[str, int]) -> dict[str, int]:
    return {
        "calls": counts.get("calls", 0),
        "throttled": counts.get("throttled", 0),
        "tokens_charged": counts.get("charged", 0),
        "tokens_billed": counts.get("billed", 0),
    }
