"""What is found wrong with the settings, and what follows from it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How much it matters.

    critical: jobs can't run, or are lost. warning: it works, but hardly as meant. recommendation: it could be better.
    """

    CRITICAL = "critical"
    WARNING = "warning"
    RECOMMENDATION = "recommendation"


class Area(StrEnum):
    """What part of the settings it is about."""

    ENVIRONMENT = "environment"
    SERVICES = "services"
    AI_PROVIDERS = "AI providers"
    PERFORMANCE = "performance"


class HealthStatus(StrEnum):
    """healthy: nothing wrong. degraded: there are warnings. unhealthy: there are critical errors."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        settings: names of those that it is about, the one to change first.
        problem: what is wrong. Never holds a secret.
        mend: what to do about it.
    """

    severity: Severity
    area: Area
    settings: tuple[str, ...]
    problem: str
    mend: str

    @property
    def text(self) -> str:
        """All of it on one line."""
        return f"{', '.join(self.settings)}: {self.problem} {self.mend}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "severity": str(self.severity),
            "area": str(self.area),
            "settings": list(self.settings),
            "problem": self.problem,
            "mend": self.mend,
        }


_ORDER = list(Severity)


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """All findings of one look, the worst first.

    Attributes:
        notes: of a live check: what was reached.
    """

    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, findings: Iterable[Finding], notes: Iterable[str] = ()) -> "ValidationResult":
        """Sorted, each once."""
        return cls(tuple(sorted(dict.fromkeys(findings), key=lambda found: _ORDER.index(found.severity))), tuple(notes))

    @property
    def critical_errors(self) -> tuple[Finding, ...]:
        """What keeps jobs from running."""
        return self._of(Severity.CRITICAL)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What works, but hardly as meant."""
        return self._of(Severity.WARNING)

    @property
    def recommendations(self) -> tuple[Finding, ...]:
        """What could be better."""
        return self._of(Severity.RECOMMENDATION)

    @property
    def errors(self) -> list[str]:
        """The texts of the critical errors."""
        return [found.text for found in self.critical_errors]

    @property
    def is_valid(self) -> bool:
        """Whether there is no critical error."""
        return not self.critical_errors

    @property
    def health_status(self) -> HealthStatus:
        """What the findings mean together."""
        if self.critical_errors:
            return HealthStatus.UNHEALTHY
        return HealthStatus.DEGRADED if self.warnings else HealthStatus.HEALTHY

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "health_status": str(self.health_status),
            "findings": [found.as_dict() for found in self.findings],
            "notes": list(self.notes),
        }

    def _of(self, severity: Severity) -> tuple[Finding, ...]:
        return tuple(found for found in self.findings if found.severity is severity)
