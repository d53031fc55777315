"""The composition root of the HTTP API."""

import logging
from collections.abc import Mapping

from shared.config import http_settings, table_connection
from shared.config_http import HttpSettings
from shared.errors import ConfigurationError
from shared.http_api.pipeline import Pipeline
from shared.security.authentication import authenticator
from shared.security.bucket_rows import TableBucketRows
from shared.security.rate_limit import RateLimitCache
from shared.storage.azure import table_service
from shared.telemetry.events import log_event

logger = logging.getLogger(__name__)

_pipeline: Pipeline | None = None


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
