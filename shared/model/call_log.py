"""One event in the log for each call of a model: ids, numbers and codes only."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import SluiceError
from shared.telemetry.events import FieldValue, log_event
from shared.telemetry.genai import ModelCall, model_call

logger = logging.getLogger(__name__)


@contextmanager
def logged_call(app_id: str | None, call: ModelCall, **known: FieldValue) -> Iterator[dict[str, FieldValue]]:
    """Log and trace the call that is made within, with its duration in seconds, and why it failed if it did.

    Args:
        app_id: on whose behalf.
        known: fields of the event that are known before.

    Yields:
        Where the fields go that the answer tells.
    """
    started = time.monotonic()
    told: dict[str, FieldValue] = {}
    reason: str | None = "interrupted"
    level = logging.INFO
    try:
        with model_call(call) as answer:
            yield told
            answer.take(told)
        reason = None
    except SluiceError as error:
        reason, level = error.code, logging.WARNING
        raise
    finally:
        log_event(
            logger,
            "model_called",
            level=level,
            app_id=app_id,
            deployment=call.model,
            **known,
            duration_s=round(time.monotonic() - started, 3),
            reason=reason,
            **told,
        )
