"""The composition root of the HTTP API."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from shared.bootstrap.app import Services, services
from shared.bootstrap.backend import now
from shared.bootstrap.runs import rates_of, result_columns
from shared.bootstrap.status import build_status
from shared.config import http_settings, table_connection, webhook_queue
from shared.config_http import HttpSettings
from shared.errors import ConfigurationError
from shared.http_api.dashboard import Dashboard
from shared.http_api.failures import ErrorsApi
from shared.http_api.jobs import JobsApi, JobsParts
from shared.http_api.pipeline import Pipeline
from shared.http_api.runs import RunsApi, RunsParts
from shared.http_api.status import StatusApi
from shared.http_api.webhooks import Webhooks
from shared.jobs.cancellation import Cancellation
from shared.jobs.finder import JobFinder
from shared.jobs.submission import Submissions
from shared.security.authentication import authenticator
from shared.security.bucket_rows import TableBucketRows
from shared.security.outbound import AllowedTargets
from shared.security.rate_limit import RateLimitCache
from shared.storage.azure import table_service
from shared.telemetry.events import log_event

logger = logging.getLogger(__name__)

_pipeline: Pipeline | None = None
_apis: "Apis | None" = None


@dataclass(frozen=True)
class Apis:
    """What answers the endpoints."""

    jobs: JobsApi
    errors: ErrorsApi
    status: StatusApi
    dashboard: Dashboard
    webhooks: Webhooks
    runs: RunsApi


def build_apis(found: Services) -> Apis:
    """On these services."""
    backend, settings = found.backend, http_settings()
    targets = AllowedTargets(settings.webhooks.hosts)
    jobs = JobsParts(
        kinds=backend.kinds,
        finder=JobFinder(backend.store, backend.job_list, now),
        submissions=Submissions(backend.intake, backend.payloads, backend.sender, now),
        failed_jobs=backend.failed_jobs,
        cancellation=Cancellation(backend.store, backend.publisher, backend.lines, backend.stepwise),
        targets=targets,
    )
    runs = RunsParts(
        store=backend.runs.store,
        control=backend.runs.control,
        results=backend.runs.results,
        uploads=backend.runs.uploads,
        rates_of=lambda kind: rates_of(backend.settings, kind),
        currency=backend.settings.runs.currency,
        now_s=lambda: now().timestamp(),
        fields={kind: result_columns(backend.settings, kind) for kind in backend.kinds},
    )
    return Apis(
        jobs=JobsApi(jobs),
        errors=ErrorsApi(backend.kinds, backend.store, backend.failed_jobs),
        status=build_status(found, settings.version, runs),
        dashboard=Dashboard(backend.kinds, backend.store, backend.failed_jobs),
        webhooks=Webhooks(
            backend.store,
            backend.failed_jobs,
            backend.sender,
            webhook_queue(),
            targets,
            settings.webhooks.secret or "",
            now,
        ),
        runs=RunsApi(runs),
    )


async def apis() -> Apis:
    """Those of this worker process, built with the first request that needs one."""
    global _apis
    if _apis is None:
        _apis = build_apis(await services())
    return _apis


def build_pipeline(env: Mapping[str, str] | None = None) -> Pipeline:
    """For these settings. Where they are wrong nobody is let in, and the log says why."""
    try:
        settings = http_settings(env)
        tables = table_service(table_connection(env))
    except ConfigurationError as error:
        log_event(logger, "http_closed", level=logging.ERROR, setting=error.field, reason=str(error))
        return Pipeline(HttpSettings(), None, None)
    return Pipeline(settings, authenticator(settings), RateLimitCache(TableBucketRows(tables)))


def pipeline() -> Pipeline:
    """That of this worker process, built with its first request."""
    global _pipeline
    if _pipeline is None:
        _pipeline = build_pipeline()
    return _pipeline
