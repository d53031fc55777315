"""Which rows a benchmark has."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from benchmarks.quota.registry import ALGORITHMS
from benchmarks.quota.scenario import WORKLOADS, Delivery, Scenario


@dataclass(frozen=True, slots=True)
class RowPlan:
    """One row: an algorithm in a scenario."""

    algorithm: str
    scenario: Scenario

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.algorithm}, {self.scenario.workload}, {self.scenario.instances} instances"


def plan_rows(
    base: Scenario,
    algorithms: Sequence[str] = (),
    workloads: Sequence[str] = (),
    instances: Sequence[int] = (),
    deliveries: Sequence[str] = (),
) -> list[RowPlan]:
    """Every combination, in the order of workloads, instances, algorithms.

    Algorithms that schedule no messages have one row whatever the deliveries.

    Args:
        base: what all rows share.
        algorithms, workloads, instances, deliveries: none means all algorithms and workloads, and the base's instances
            and delivery.

    Raises:
        ValueError: a name is unknown, or a number is out of range; the text says which.
    """
    names = _known("algorithm", algorithms, ALGORITHMS) or list(ALGORITHMS)
    kinds = _known("workload", workloads, WORKLOADS) or list(WORKLOADS)
    lateness = _known("delivery", deliveries, get_args(Delivery)) or [base.delivery]
    counts = instances or [base.instances]
    _check_range("instances", counts, 1, 1000)
    _check_range("minutes", [base.minutes], 1, 240)
    _check_range("charge factor", [base.charge_factor], 0.5, 2)
    _check_range("clock offset", [base.clock_offset_s], 0, 60)
    return [
        RowPlan(name, replace(base, workload=workload, instances=count, delivery=delivery))
        for workload in kinds
        for count in counts
        for name in names
        for delivery in (lateness if ALGORITHMS[name].schedules else lateness[:1])
    ]


def _known[N: str](what: str, names: Sequence[str], known: Iterable[N]) -> list[N]:
    by_name: dict[str, N] = {name: name for name in known}
    for name in names:
        if name not in by_name:
            raise ValueError(f"There is no {what} {name!r}. There are: {', '.join(by_name)}.")
    return [by_name[name] for name in names]


def _check_range(what: str, values: Sequence[float], low: float, high: float) -> None:
    for value in values:
        if not low <= value <= high:
            raise ValueError(f"{what} must be from {low:g} to {high:g}, not {value:g}.")
