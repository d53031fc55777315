"""The composition root of the health checks. It needs no service that works: they are what is checked."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.bootstrap.kinds import PAYLOAD_CONTAINER, deployments
from shared.config import Settings, http_settings
from shared.config_validator import configuration_warnings
from shared.errors import ConfigurationError
from shared.health.checker import HealthCheck
from shared.health.checks import (
    BlobHealthCheck,
    ConfigurationHealthCheck,
    DiskHealthCheck,
    ModelHealthCheck,
    ServiceBusHealthCheck,
    TableHealthCheck,
)
from shared.http_api.health import HealthApi
from shared.jobs.store import JOBS_TABLE
from shared.storage.azure import blob_service, table_service


@dataclass(frozen=True)
class Health:
    """What answers the endpoints of health.

    Attributes:
        deployments: whose token counters are to be looked at besides.
    """

    api: HealthApi
    deployments: tuple[str, ...]


def build_health(env: Mapping[str, str] | None = None) -> Health:
    """For these settings. Where they are wrong that is what the report says."""
    settings_check = ConfigurationHealthCheck(lambda: configuration_warnings(env))
    try:
        settings = Settings.from_env(env)
        found = deployments(settings)
    except ConfigurationError:
        return Health(HealthApi("sluice", [settings_check, DiskHealthCheck()]), ())
    checks: list[HealthCheck] = [
        TableHealthCheck(table_service(settings.tables), JOBS_TABLE),
        BlobHealthCheck(blob_service(settings.blobs), PAYLOAD_CONTAINER),
        ServiceBusHealthCheck(settings.service_bus, settings.feedback.inbox),
        *(ModelHealthCheck(name, deployment.openai.endpoint) for name, deployment in found.items()),
        DiskHealthCheck(),
        settings_check,
    ]
    return Health(HealthApi(settings.app_id, checks, _release(env)), tuple(found))


_health: Health | None = None


def health() -> Health:
    """That of this worker process."""
    global _health
    if _health is None:
        _health = build_health()
    return _health


def _release(env: Mapping[str, str] | None) -> str | None:
    try:
        return http_settings(env).version
    except ConfigurationError:
        return None
