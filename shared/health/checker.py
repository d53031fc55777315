"""The registry of checks: runs them side by side, each no longer than it may take."""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from shared.errors import SluiceError
from shared.health.results import CheckResult, Finding, HealthReport, HealthStatus
from shared.telemetry.events import log_event

logger = logging.getLogger(__name__)


class HealthCheck(Protocol):
    """Looks at one thing.

    Attributes:
        name: such as "storage:tables".
        component_type: "datastore", "component" or "system".
        timeout_s: longest time for a look.
        critical: whether the app can take no jobs without it. Else a failure counts as a warning.
    """

    name: str
    component_type: str
    timeout_s: float
    critical: bool

    async def check(self) -> Finding:
        """Look. What is raised is a failure."""
        ...


class HealthChecker:
    """Runs checks.

    Args:
        service_name: of the app, for the report.
    """

    def __init__(self, service_name: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._service_name = service_name
        self._now = now
        self._checks: list[HealthCheck] = []

    def add_check(self, check: HealthCheck) -> None:
        """Register a check. Several may have one name: parts of the same thing."""
        self._checks.append(check)

    async def run_all_checks(self) -> HealthReport:
        """Look at everything at once. Takes no longer than the longest time limit, and never raises."""
        results = await asyncio.gather(*(self._run(check) for check in self._checks))
        return HealthReport(self._service_name, tuple(results))

    async def _run(self, check: HealthCheck) -> CheckResult:
        begun_s = time.monotonic()
        try:
            async with asyncio.timeout(check.timeout_s):
                found = await check.check()
        except TimeoutError:
            found = Finding(HealthStatus.FAIL, output=f"No answer within {check.timeout_s:g} s.")
        except SluiceError as error:
            found = Finding(HealthStatus.FAIL, output=str(error))
        except Exception as error:
            # Texts of libraries may hold addresses with keys.
            found = Finding(HealthStatus.FAIL, output=f"It failed with {type(error).__name__}.")
        if found.status is HealthStatus.PASS and found.value is None:
            found = Finding(HealthStatus.PASS, round(1000 * (time.monotonic() - begun_s), 1), "ms", found.output)
        if found.status is HealthStatus.FAIL:
            log_event(logger, "health_check_failed", level=logging.WARNING, check=check.name, reason=found.output)
            if not check.critical:
                found = Finding(HealthStatus.WARN, found.value, found.unit, found.output)
        return CheckResult(check.name, check.component_type, found, self._now())
