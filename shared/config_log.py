"""Says in the log what is wrong with the settings."""

import logging
from collections.abc import Mapping

from shared.config_checks.findings import Severity, ValidationResult
from shared.config_validator import ConfigValidator
from shared.telemetry.events import log_event

logger = logging.getLogger(__name__)

_LEVELS = {
    Severity.CRITICAL: logging.ERROR,
    Severity.WARNING: logging.WARNING,
    Severity.RECOMMENDATION: logging.INFO,
}


def log_configuration(env: Mapping[str, str] | None = None) -> ValidationResult | None:
    """Say in the log what is wrong with the settings, one event each.

    Nothing is raised, and files are not read: it belongs to the first invocation, whatever that is.

    Returns:
        None where the check itself failed.
    """
    try:
        result = ConfigValidator(env, files=False).validate_all()
    except Exception as error:
        # No invocation is to fail for the check.
        log_event(logger, "configuration_check_failed", level=logging.ERROR, error=type(error).__name__)
        return None
    for found in result.findings:
        log_event(
            logger,
            "configuration_finding",
            level=_LEVELS[found.severity],
            severity=found.severity,
            settings=",".join(found.settings),
            problem=found.problem,
            mend=found.mend,
        )
    log_event(
        logger,
        "configuration_checked",
        level=logging.INFO if result.is_valid else logging.ERROR,
        status=result.health_status,
        critical=len(result.critical_errors),
        warnings=len(result.warnings),
        recommendations=len(result.recommendations),
    )
    return result
