"""Begins the telemetry of a process, and ends it with the process."""

import gc
import logging
import threading
from typing import TYPE_CHECKING

from shared.config import telemetry_settings
from shared.errors import SluiceError
from shared.telemetry.at_end import at_end
from shared.telemetry.events import log_event
from shared.telemetry_settings import TelemetrySettings

if TYPE_CHECKING:
    from shared.telemetry.pipeline import Pipeline

logger = logging.getLogger(__name__)

_starting = threading.Lock()
_tried = False
_pipeline: "Pipeline | None" = None


def start_telemetry(settings: TelemetrySettings | None = None) -> None:
    """From now on this process records traces, metrics and logs as the settings say. Further calls do nothing.

    Telemetry must not keep the app from working: what is wrong with its settings is logged.

    Args:
        settings: None means those of the environment.
    """
    global _tried, _pipeline
    with _starting:
        if _tried:
            return
        _tried = True
        try:
            found = settings or telemetry_settings()
        except SluiceError as error:
            log_event(logger, "telemetry_off", level=logging.ERROR, reason=str(error))
            return
        if not found.on:
            return
        # The SDK is loaded now, and not when the app is indexed.
        from shared.telemetry.pipeline import Pipeline

        _pipeline = Pipeline(found)
        _pipeline.start()
        at_end(_flush)
        # The libraries stay as they are: the collector need not look at a hundred thousand objects again and again.
        gc.collect()
        gc.freeze()


def stop_telemetry() -> None:
    """Send what there is and record no more, until it is started again: for programs that end soon."""
    global _tried, _pipeline
    with _starting:
        found, _pipeline, _tried = _pipeline, None, False
    if found is not None:
        found.stop()


def _flush() -> None:
    if _pipeline is not None:
        _pipeline.flush()


def pipeline() -> "Pipeline | None":
    """What records in this process; None where telemetry is off."""
    return _pipeline
