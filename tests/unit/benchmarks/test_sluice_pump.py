"""Sluice's own admission in the simulation: small runs of what the figures in docs/quota.md say at full size."""

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.quota.engine import simulate
from benchmarks.quota.measures import Measures
from benchmarks.quota.scenario import Scenario
from benchmarks.quota.sluice_pump import SluicePump
from benchmarks.quota.world import World
from tests.unit.quota.world import most_in_any_window

SHORT = Scenario(minutes=3, instances=8)


def _simulate(scenario: Scenario, algorithm: type[SluicePump] = SluicePump) -> Measures:
    measures = simulate(algorithm, scenario)
    assert measures.unfinished == 0
    assert measures.redelivered_jobs == 0
    return measures


@pytest.mark.parametrize(
    "scenario",
    [
        SHORT,
        replace(SHORT, instances=64, delivery="late"),
        replace(SHORT, token_window="fixed"),
        replace(SHORT, clock_offset_s=5.0),
        replace(SHORT, backend="dts", instances=1),
    ],
    ids=["prompt", "late", "fixed", "clocks", "dts"],
)
def test_the_quota_is_used_and_never_exceeded(scenario: Scenario) -> None:
    measures = _simulate(scenario)
    assert measures.rejected == 0
    assert measures.used_percent is not None
    assert measures.used_percent > 97
    assert measures.entity_operations < 0.05
    assert measures.billed_wait_s < 0.5
    assert measures.missed_percent < 2


@pytest.mark.parametrize("workload", ["heavy", "bursty"])
def test_large_jobs_and_bursts(workload: Any) -> None:
    measures = _simulate(replace(SHORT, workload=workload))
    assert measures.rejected == 0
    assert measures.used_percent is not None
    assert measures.used_percent > 93


def test_a_request_window_of_one_second_costs_small_jobs_throughput_but_is_kept() -> None:
    measures = _simulate(replace(SHORT, request_window_s=1.0))
    assert measures.rejected == 0
    assert measures.used_percent is not None
    assert measures.used_percent > 70


def test_the_same_seed_gives_the_same_run() -> None:
    small = replace(SHORT, tpm=60_000, minutes=2)
    assert simulate(SluicePump, small) == simulate(SluicePump, small)


def test_a_small_app_is_not_held_up_by_anothers_backlog() -> None:
    measures = _simulate(replace(SHORT, workload="minority"))
    assert measures.wait_p99_s < 30


def test_at_half_load_jobs_start_soon() -> None:
    measures = _simulate(replace(SHORT, workload="half", minutes=8))
    assert measures.rejected == 0
    assert measures.wait_p95_s < 3
    assert measures.entity_operations < 0.15


def test_few_bookings_are_missed_while_instances_come_up() -> None:
    scenario = replace(SHORT, cold_start=True, instances=64)
    measures = _simulate(scenario)
    assert measures.rejected == 0
    assert measures.missed_percent * measures.jobs / 100 <= 30


@pytest.mark.parametrize("token_window", ["rolling", "fixed"])
def test_an_endpoint_that_counts_more_is_learnt(token_window: Any) -> None:
    measures = _simulate(replace(SHORT, minutes=5, charge_factor=1.1, token_window=token_window))
    assert measures.rejected <= 2
    assert measures.used_percent is not None
    assert measures.used_percent > 96


class Lowered(SluicePump):
    """The settings change halfway."""

    changed_s = 75.0
    tpm = 120_000

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.admissions = world.endpoint.admissions
        last.append(self)
        world.clock.at(self.changed_s, self._change)

    def _change(self) -> None:
        self.limits = self.limits | {"tpm": self.tpm}


last: list[Lowered] = []


def test_lower_limits_hold_after_one_window() -> None:
    _simulate(SHORT, Lowered)
    # The new limits travel with the pump's next call.
    since_s = Lowered.changed_s + 12
    after = [(at_s, tokens) for at_s, tokens in last.pop().admissions if at_s > since_s]
    tokens, _ = most_in_any_window(after, 60)
    assert 0.9 * Lowered.tpm < tokens <= Lowered.tpm
