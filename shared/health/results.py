"""What a check found, in the terms of application/health+json (draft-inadarei-api-health-check-06)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class HealthStatus(StrEnum):
    """pass: well. warn: it works, and somebody should look. fail: it doesn't work."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    FAIL = "fail"


_ORDER = (HealthStatus.PASS, HealthStatus.WARN, HealthStatus.FAIL)


def worst(statuses: Iterable[HealthStatus]) -> HealthStatus:
    """The worst of them; pass where there are none."""
    return max(statuses, key=_ORDER.index, default=HealthStatus.PASS)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        value: such as how long something took, in `unit`.
        output: for people, where something isn't well. No secrets, and no addresses with keys.
    """

    status: HealthStatus
    value: float | int | str | None = None
    unit: str | None = None
    output: str | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A finding with its check and time."""

    name: str
    component_type: str
    finding: Finding
    time: datetime

    def as_dict(self) -> dict[str, Any]:
        """As one entry of `checks`."""
        found = self.finding
        content = {
            "componentType": self.component_type,
            "status": str(found.status),
            "observedValue": found.value,
            "observedUnit": found.unit,
            "output": found.output,
            "time": self.time.isoformat(),
        }
        return {name: value for name, value in content.items() if value is not None}


@dataclass(frozen=True, slots=True)
class HealthReport:
    """All results of one run."""

    service: str
    results: tuple[CheckResult, ...]

    @property
    def status(self) -> HealthStatus:
        return worst(result.finding.status for result in self.results)

    def as_dict(self) -> dict[str, Any]:
        """As application/health+json."""
        checks: dict[str, list[dict[str, Any]]] = {}
        for result in self.results:
            checks.setdefault(result.name, []).append(result.as_dict())
        return {"status": str(self.status), "serviceId": self.service, "checks": checks}
