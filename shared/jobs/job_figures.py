"""Figures of all jobs, from the store: the same whichever instance is asked."""

from collections.abc import Iterable

from shared.jobs.deployments import Deployment
from shared.jobs.job_list import JobList
from shared.jobs.record import JobState
from shared.telemetry.prometheus import Figure


async def job_figures(jobs: JobList, kinds: Iterable[str], deployments: Iterable[Deployment]) -> list[Figure]:
    """Jobs by state, and calls that wait.

    Raises:
        StorageError
    """
    states: dict[tuple[str, ...], float] = {}
    for kind in kinds:
        counts = await jobs.counts(kind)
        # Counts are kept beside the rows, and may for a moment be ahead of them.
        states |= {(kind, str(state)): max(0, counts.states.get(state, 0)) for state in JobState}
    waiting: dict[tuple[str, ...], float] = {}
    for deployment in deployments:
        for app, calls in (await deployment.pump.waiting()).items():
            waiting[deployment.name, app] = calls
    return [
        Figure("sluice_jobs", "Jobs that are kept, by their state.", ("kind", "state"), states),
        Figure(
            "sluice_calls_waiting",
            "Calls that wait for quota, counted up to 10000 a deployment.",
            ("deployment", "app"),
            waiting,
        ),
    ]
