"""What a run of the benchmark simulates."""

from dataclasses import dataclass
from random import Random
from typing import Literal

from local.model.limits import Limits, TokenWindow, default_rpm

Workload = Literal["uniform", "heavy", "bursty", "half", "minority"]
Delivery = Literal["prompt", "late"]
Backend = Literal["storage", "dts"]

WORKLOADS: dict[Workload, str] = {
    "uniform": "a backlog of small jobs (350 to 450 tokens)",
    "heavy": "a backlog of heavy-tailed jobs (300 to 60,000 tokens)",
    "bursty": "every 2 minutes a burst of 1.7 minutes' quota: 85 % load",
    "half": "small jobs in a Poisson stream: 50 % load",
    "minority": "an app with one small job every 2 s beside another's backlog; waits are the minority's",
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """Attributes:

    instances: of the function app.
    delivery: how late a scheduled message arrives: exponential with mean 0.25 s and at most 3 s, or uniform 0 to 3 s.
    minutes: of quota that the jobs ask for together.
    backend: of the durable entity.
    charge_factor: what the endpoint counts over what callers estimate.
    cold_start: whether the instances only come up when the first message arrives, each after 10 to 60 s.
    clock_offset_s: every instance's clock is wrong by up to this much, either way.
    seed: of everything random.
    """

    workload: Workload = "uniform"
    instances: int = 8
    delivery: Delivery = "prompt"
    minutes: float = 8.0
    backend: Backend = "storage"
    tpm: int = 240_000
    token_window: TokenWindow = "rolling"  # noqa: S105 - not a password
    request_window_s: float = 10.0
    charge_factor: float = 1.0
    cold_start: bool = False
    clock_offset_s: float = 0.0
    seed: int = 1

    @property
    def limits(self) -> Limits:
        """Of the endpoint."""
        return Limits(
            self.tpm,
            default_rpm("gpt-4o", self.tpm),
            self.token_window,
            self.request_window_s,
            charge_factor=self.charge_factor,
        )

    @property
    def concurrency(self) -> int:
        """Jobs that one instance runs at a time: 128 on a single one, 32 on each of 8, 16 where there are many."""
        return max(16, min(128, 256 // self.instances))

    def random(self, part: str) -> Random:
        """A generator for one part of the simulation, so that no part shifts another's numbers."""
        return Random(f"{self.seed}/{part}")
