"""Who changed what: one log event a change, also of those that were refused."""

import logging

from shared.security.caller import Caller
from shared.telemetry.events import log_event

logger = logging.getLogger("sluice.audit")
"""A name of its own, so that these events can be kept longer than others."""


def audit(
    action: str, caller: Caller | None, *, target: str, status: int, correlation_id: str, detail: str | None = None
) -> None:
    """Write one event.

    Args:
        action: such as "jobs:retry".
        caller: None where nobody was recognised.
        target: what it was about, such as "feedback/a1".
        status: of the HTTP response.
        detail: further ids and numbers; nothing of a job's contents.
    """
    log_event(
        logger,
        "audit",
        action=action,
        caller=caller.id if caller else "nobody",
        target=target,
        status=status,
        correlation_id=correlation_id,
        detail=detail,
    )
