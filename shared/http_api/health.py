"""The endpoints of health: alive, and ready with all that the app needs."""

import asyncio
import time
from collections.abc import Callable, Sequence

from shared.health.checker import HealthCheck, HealthChecker
from shared.health.results import HealthReport, HealthStatus
from shared.http_api.messages import Call, Response, json_response
from shared.version import VERSION

MEDIA_TYPE = "application/health+json"
KEEP_S = 5.0
"""For so long a report is told again: who asks often must not keep the dependencies busy."""


def live() -> Response:
    """That the process runs."""
    return json_response({"status": str(HealthStatus.PASS)}, kind=MEDIA_TYPE)


class HealthApi:
    """Runs checks when asked, those of all callers together.

    Args:
        checks: of what every request of this process would find the same.
        release: of the deployment, such as a commit.
    """

    def __init__(
        self,
        service: str,
        checks: Sequence[HealthCheck],
        release: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._checks = checks
        self._release = release
        self._monotonic = monotonic
        self._report: HealthReport | None = None
        self._at_s = float("-inf")
        self._turn = asyncio.Lock()

    async def ready(self, call: Call, more: Sequence[HealthCheck] = ()) -> Response:  # noqa: ARG002 - as all handlers
        """Whether everything works: 200, or 503 where something failed that jobs can't be taken without.

        Args:
            more: checks that need something of this request.
        """
        report = await self.report(more)
        content = {**report.as_dict(), "version": VERSION}
        if self._release:
            content["releaseId"] = self._release
        return json_response(content, 503 if report.status is HealthStatus.FAIL else 200, kind=MEDIA_TYPE)

    async def report(self, more: Sequence[HealthCheck] = ()) -> HealthReport:
        """The newest report; one that is older than five seconds is made anew."""
        async with self._turn:
            if self._report is None or self._monotonic() - self._at_s >= KEEP_S:
                checker = HealthChecker(self._service)
                for check in (*self._checks, *more):
                    checker.add_check(check)
                self._report = await checker.run_all_checks()
                self._at_s = self._monotonic()
            return self._report
