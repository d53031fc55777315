"""What a run is judged by."""

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.quota.scenario import Scenario
from benchmarks.quota.workload import MINORITY_APP, Job, lower_bound_s
from benchmarks.quota.world import World
from local.model.limits import MINUTE_S

# There is work while jobs of a quarter of a minute's quota wait. With fewer, large ones can leave gaps that nothing
# fits in, and the last ones of a burst are always few.
_WORK_MINUTES = 0.25
_SAMPLE_S = 0.5
# Service Bus moves a message to the dead letters when it was delivered so often (MaxDeliveryCount, default 10).
MAX_DELIVERIES = 10


@dataclass(frozen=True, slots=True)
class Measures:
    """Attributes:

    used_percent: of the quota, while there is work: the mean over trailing minutes that lie in such a time. None where
        no such time lasts a minute.
    bound_percent: the lower bound of the last admission over the real one.
    rejected: 429s. rejected_for_requests: those of them because of the request limit.
    wait_p50_s, wait_p95_s, wait_p99_s: from a job's arrival to its admission. With a minority app, its jobs' alone.
    entity_operations: a job.
    billed_wait_s: a job.
    missed_percent: runs without a call, of all runs.
    redelivered_jobs: delivered more than 10 times, at which Service Bus makes a message a dead letter; the simulation
        goes on with them. (Where each delivery is a new message, as with ours, none would be.)
    unfinished: jobs that weren't done when the simulation was cut off.
    last_s: when the last job was admitted.
    history: charged tokens by second.
    """

    jobs: int
    used_percent: float | None
    bound_percent: float
    rejected: int
    rejected_for_requests: int
    wait_p50_s: float
    wait_p95_s: float
    wait_p99_s: float
    entity_operations: float
    billed_wait_s: float
    missed_percent: float
    redelivered_jobs: int
    unfinished: int
    last_s: float
    history: list[int]


def measure(world: World) -> Measures:
    """Judge a run that is over."""
    scenario, jobs, admissions = world.scenario, world.jobs, world.endpoint.admissions
    used = used_share(jobs, admissions, scenario.tpm)
    last_s = admissions[-1][0] if admissions else 0.0
    waits = sorted(_waits(jobs, scenario))
    return Measures(
        jobs=len(jobs),
        used_percent=None if used is None else 100 * used,
        bound_percent=100 * lower_bound_s(jobs, scenario.limits) / last_s if last_s else 0.0,
        rejected=sum(world.endpoint.rejections.values()),
        rejected_for_requests=world.endpoint.rejections["call"],
        wait_p50_s=quantile(waits, 0.50),
        wait_p95_s=quantile(waits, 0.95),
        wait_p99_s=quantile(waits, 0.99),
        entity_operations=world.entity.operations / len(jobs),
        billed_wait_s=world.tally.waited_s / len(jobs),
        missed_percent=100 * world.tally.missed / world.tally.runs if world.tally.runs else 0.0,
        redelivered_jobs=sum(job.deliveries > MAX_DELIVERIES for job in jobs),
        unfinished=world.left,
        last_s=last_s,
        history=by_second(admissions),
    )


def used_share(jobs: Sequence[Job], admissions: Sequence[tuple[float, int]], tpm: int) -> float | None:
    """Mean share of the quota used while there is work: over the trailing minutes that lie in such a time whole."""
    times = [at_s for at_s, _ in admissions]
    sums = [0]
    for _, charge in admissions:
        sums.append(sums[-1] + charge)
    shares = []
    for begin_s, end_s in working_times(jobs, tpm * _WORK_MINUTES):
        for step in range(int((end_s - begin_s - MINUTE_S) / _SAMPLE_S) + 1 if end_s - begin_s >= MINUTE_S else 0):
            at_s = begin_s + MINUTE_S + step * _SAMPLE_S
            used = sums[bisect.bisect_right(times, at_s)] - sums[bisect.bisect_right(times, at_s - MINUTE_S)]
            shares.append(used / tpm)
    return sum(shares) / len(shares) if shares else None


def working_times(jobs: Sequence[Job], threshold: float) -> list[tuple[float, float]]:
    """When more than `threshold` tokens waited: from their arrival until they were admitted."""
    changes = [(job.arrival_s, job.tokens) for job in jobs]
    changes += [(job.started_s, -job.tokens) for job in jobs if job.started_s is not None]
    times: list[tuple[float, float]] = []
    waiting, begin_s = 0, None
    for at_s, tokens in sorted(changes):
        waiting += tokens
        if waiting > threshold and begin_s is None:
            begin_s = at_s
        elif waiting <= threshold and begin_s is not None:
            times.append((begin_s, at_s))
            begin_s = None
    return times


def quantile(values: Sequence[float], share: float) -> float:
    """Of sorted values: the smallest that at least this share of them doesn't exceed (nearest rank). 0 of none."""
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else 0.0


def by_second(admissions: Sequence[tuple[float, int]]) -> list[int]:
    """Charged tokens of each second from 0 to the last admission."""
    history = [0] * (int(admissions[-1][0]) + 1 if admissions else 0)
    for at_s, charge in admissions:
        history[int(at_s)] += charge
    return history


def _waits(jobs: Sequence[Job], scenario: Scenario) -> list[float]:
    counted = [job for job in jobs if job.app == MINORITY_APP] if scenario.workload == "minority" else jobs
    return [job.started_s - job.arrival_s for job in counted if job.started_s is not None]
