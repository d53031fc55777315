"""Figures of all jobs, from the store: the same whichever instance is asked."""

from collections.abc import Iterable

from shared.jobs.deployments import Deployment
from shared.jobs.store import JobStore
from shared.telemetry.prometheus import Figure

FAILURE_LIMIT = 10_000
"""Failed jobs of a kind are counted up to here: a scrape must not read a table for minutes."""


async def job_figures(store: JobStore, kinds: Iterable[str], deployments: Iterable[Deployment]) -> list[Figure]:
    """Calls that wait and jobs that failed.

    Raises:
        StorageError
    """
    waiting: dict[tuple[str, ...], float] = {}
    for deployment in deployments:
        for app, calls in (await deployment.pump.waiting()).items():
            waiting[deployment.name, app] = calls
    failed: dict[tuple[str, ...], float] = {(kind,): await store.count_failures(kind, FAILURE_LIMIT) for kind in kinds}
    return [
        Figure(
            "sluice_calls_waiting",
            "Calls that wait for quota, of all instances; counted up to 10000 a deployment.",
            ("deployment", "app"),
            waiting,
        ),
        Figure(
            "sluice_failed_jobs",
            f"Failed jobs that nobody has replayed or discarded; counted up to {FAILURE_LIMIT} a kind.",
            ("kind",),
            failed,
        ),
    ]
