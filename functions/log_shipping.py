"""Looks into each log file that arrives and indexes it; sweeps leftovers, finds gaps, deletes old logs.

Shipping itself is no function: each process ships its own files from its first invocation on (shared/log_services.py).
What these functions log goes to the host, but into no file that is shipped: indexing a log would make the next log to
index, for ever. Only gaps, each of which is told once, are shipped.
"""

import asyncio
import logging
import time
from datetime import UTC, datetime

import azure.durable_functions as df
import azure.functions as func

from shared.config import log_triggers
from shared.telemetry.context import not_shipped, set_invocation_source

bp = df.Blueprint()
logger = logging.getLogger(__name__)

_SETTINGS = log_triggers()


def _invocation_id() -> str | None:
    """Of the call that this code is a part of, as the worker that runs it knows it."""
    try:
        from azure_functions_runtime import invocation_id_cv
    except ImportError:
        known = None
    else:
        known = invocation_id_cv.get()
    if known is None:
        try:
            # Microsoft's worker marks the task of an asynchronous function (dispatcher.py, ContextEnabledTask).
            known = getattr(asyncio.current_task(), "__azure_function_invocation_id__", None)
        except RuntimeError:
            return None
    return known


set_invocation_source(_invocation_id)

if _SETTINGS.on:

    @bp.blob_trigger(
        arg_name="blob",
        path=f"{_SETTINGS.container}/{{name}}",
        connection="AzureWebJobsStorage",
        source=func.BlobSource.EVENT_GRID,
        data_type=func.DataType.BINARY,
    )
    async def log_index(blob: func.InputStream) -> None:
        """Check one log file and note what is in it. Events come twice and in any order."""
        from shared.log_services import log_services
        from shared.telemetry.events import log_event
        from shared.telemetry.start import start_telemetry

        start_telemetry()
        with not_shipped():
            name = (blob.name or "").partition("/")[2]
            # The annotation's class doesn't have what the worker's object has.
            metadata = getattr(blob, "metadata", None) or {}
            facts = await log_services().index_content(name, blob.read(), metadata, _stored_at(blob))
            if facts is None:
                log_event(logger, "log_unknown", level=logging.WARNING, blob=name)
            elif facts.problem:
                log_event(logger, "log_damaged", level=logging.ERROR, blob=name, reason=facts.problem)

    @bp.timer_trigger(arg_name="timer", schedule=_SETTINGS.schedule)
    async def log_sweep(timer: func.TimerRequest) -> None:  # noqa: ARG001
        """Do what no instance does for itself."""
        from dataclasses import asdict

        from shared.log_services import log_services, start_log_shipping
        from shared.telemetry.logger import log_operation_metrics
        from shared.telemetry.start import start_telemetry

        start_log_shipping()
        start_telemetry()
        began_s = time.monotonic()
        done = await log_services().sweep.run()
        with not_shipped():
            if done.anything:
                took_s = time.monotonic() - began_s
                log_operation_metrics(logger, "log_sweep", took_s, success=not done.unshipped, **asdict(done))


def _stored_at(blob: func.InputStream) -> datetime:
    text = str((getattr(blob, "blob_properties", None) or {}).get("LastModified") or "")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return datetime.now(UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
