"""Where the settings are wrong, messages wait instead of being lost.

Service Bus delivers a message again at once after a failure, and gives it up after maxDeliveryCount (10) of them. So
a queue function that can't work holds its message for a while before it fails: the rest of the queue stays untouched,
and nothing runs in circles. What is given up all the same is taken back from the dead letters when the settings are
mended (functions/dead_letters.py).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from shared.bootstrap.app import Services, services
from shared.config_validator import ConfigValidator
from shared.errors import ConfigurationError
from shared.telemetry.events import log_event

PAUSE_S = 25.0
"""Below the 30 s that a worker gets to end its calls. Ten deliveries take four minutes."""

logger = logging.getLogger(__name__)


async def services_for_message(pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> Services:
    """The services for a message from a queue.

    Raises:
        ConfigurationError: after PAUSE_S; names everything that is wrong. The message stays in its queue.
        StorageError: the tables can't be created.
    """
    try:
        return await services()
    except ConfigurationError as error:
        failure = ConfigurationError(["The message stays in its queue: the settings are wrong.", *_all_of(error)])
    log_event(logger, "message_waits_for_settings", level=logging.ERROR, reason=str(failure), pause_s=PAUSE_S)
    await pause(PAUSE_S)
    raise failure


def _all_of(error: ConfigurationError) -> list[str]:
    """All critical errors; the given one, where the validator has none."""
    return ConfigValidator().validate_all().errors or [str(error)]
