"""Checks the settings: everything that is wrong with them at once, and what to do about it.

result = ConfigValidator().validate_all()
if not result.is_valid:
    raise ConfigurationError(result.errors)
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from shared.config import environment
from shared.config_catalogue import by_name
from shared.config_checks.connections import connection_findings
from shared.config_checks.files import file_findings
from shared.config_checks.findings import Area, Finding, Severity, ValidationResult
from shared.config_checks.given import HOST_JSON, Given
from shared.config_checks.names import name_findings
from shared.config_checks.performance import performance_findings
from shared.config_checks.providers import provider_findings
from shared.config_checks.services import service_findings
from shared.config_checks.values import missing_findings, other_findings, value_findings
from shared.errors import ConfigurationError
from shared.log_settings import secret_values

type Rule = Callable[[Given], Iterable[Finding]]

_RULES: tuple[Rule, ...] = (
    missing_findings,
    value_findings,
    connection_findings,
    service_findings,
    provider_findings,
    performance_findings,
    name_findings,
)
_SHORTEST_SECRET = 6


class ConfigValidator:
    """Looks at settings. Nothing is raised: what is wrong is a finding, never with a secret's value.

    Args:
        env: names and values; None means the environment.
        files: whether to look for the files that settings name, and read the profiles.
        host_json: the host's settings.
        probe: reaches what the settings name, for a live check (shared/config_checks/live.py); None reaches nothing.
    """

    def __init__(
        self,
        env: Mapping[str, str] | None = None,
        *,
        files: bool = True,
        host_json: Path = HOST_JSON,
        probe: Callable[[Given], ValidationResult] | None = None,
    ) -> None:
        self._env = environment() if env is None else env
        self._files = files
        self._host_json = host_json
        self._probe = probe

    def validate_environment(self) -> ValidationResult:
        """Whether all that is needed is there, under names that something reads, with values that can be."""
        return self._of(Area.ENVIRONMENT)

    def validate_services(self) -> ValidationResult:
        """Storage, Service Bus and what is named in them; with a probe, whether they can be reached."""
        return self._of(Area.SERVICES)

    def validate_ai_providers(self) -> ValidationResult:
        """The model deployments; with a probe, whether they answer, and what quota they have."""
        return self._of(Area.AI_PROVIDERS)

    def validate_performance_settings(self) -> ValidationResult:
        """Limits, sizes and times, by themselves and together."""
        return self._of(Area.PERFORMANCE)

    def validate_all(self) -> ValidationResult:
        """All four."""
        return self._result

    @cached_property
    def given(self) -> Given:
        """The settings as far as they can be read."""
        return Given.read(self._env, self._host_json)

    @cached_property
    def _result(self) -> ValidationResult:
        found = list(self._findings())
        notes: tuple[str, ...] = ()
        if self._probe is not None:
            live = self._probe(self.given)
            found += live.findings
            notes = live.notes
        secrets = self._secrets()
        return ValidationResult.of(
            (_without(secrets, finding) for finding in found), (_hidden(secrets, note) for note in notes)
        )

    def _findings(self) -> Iterator[Finding]:
        told: set[str] = set()
        for rule in _RULES:
            for finding in rule(self.given):
                if finding.severity is Severity.CRITICAL:
                    told.update(finding.settings)
                yield finding
        for finding in (*other_findings(self.given), *(file_findings(self.given) if self._files else ())):
            if finding.settings[0] not in told:
                yield finding

    def _of(self, area: Area) -> ValidationResult:
        whole = self._result
        return ValidationResult(tuple(found for found in whole.findings if found.area is area), whole.notes)

    def _secrets(self) -> list[str]:
        """Values that must not be shown, longest first."""
        env = self.given.env
        own = {env[name] for name, setting in by_name().items() if setting.secret and name in env}
        found = {*own, *secret_values(env)}
        return sorted((value for value in found if len(value) >= _SHORTEST_SECRET), key=len, reverse=True)


def configuration_warnings(env: Mapping[str, str] | None = None) -> list[str]:
    """What the readiness check of the settings takes: the texts of warnings.

    Raises:
        ConfigurationError: there are critical errors; its text names all of them.
    """
    result = ConfigValidator(env).validate_all()
    if not result.is_valid:
        raise ConfigurationError(result.errors)
    return [found.text for found in result.warnings]


def _without(secrets: list[str], finding: Finding) -> Finding:
    return replace(finding, problem=_hidden(secrets, finding.problem), mend=_hidden(secrets, finding.mend))


def _hidden(secrets: list[str], text: str) -> str:
    return re.sub("|".join(map(re.escape, secrets)), "***", text) if secrets else text
