"""One readable log line when a service can't be used, and one when it can again."""

import logging
import time

from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError
from azure.servicebus.exceptions import (
    MessagingEntityDisabledError,
    MessagingEntityNotFoundError,
    ServiceBusAuthenticationError,
    ServiceBusAuthorizationError,
    ServiceBusConnectionError,
)

FIRST_DELAY_S = 0.5
MAX_DELAY_S = 2.0

_log = logging.getLogger(__name__)


class Outage:
    """Keeps count of failed attempts at one service.

    Args:
        what: who needs what, such as "function intake, queue feedback-in".
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._began: float | None = None
        self._delay_s = FIRST_DELAY_S

    def failed(self, error: Exception) -> float:
        """Count a failed attempt, and log the first of a row.

        Returns:
            How long to wait before the next attempt, in seconds.
        """
        if self._began is None:
            self._began = time.monotonic()
            self._delay_s = FIRST_DELAY_S
            _log.error("%s: %s. Trying again until it works.", self._what, explain(error))
        delay_s = self._delay_s
        self._delay_s = min(delay_s * 2, MAX_DELAY_S)
        return delay_s

    def over(self) -> None:
        """Count an attempt that worked."""
        if self._began is not None:
            _log.info("%s: works again after %.0f s.", self._what, time.monotonic() - self._began)
            self._began = None


def explain(error: Exception) -> str:
    """What an error of a service client means, and what to do about it, without stack trace or bodies."""
    text = f"{type(error).__name__}: {error}".split("\n", 1)[0].rstrip(". ")
    match error:
        case MessagingEntityNotFoundError():
            return f"there is no such queue, topic or subscription; create it ({text})"
        case MessagingEntityDisabledError():
            return f"the queue, topic or subscription is disabled ({text})"
        case ServiceBusAuthenticationError() | ServiceBusAuthorizationError() | ClientAuthenticationError():
            return f"access was refused; check key, identity and roles ({text})"
        case ServiceBusConnectionError() | ServiceRequestError() | OSError():
            return f"the service can't be reached ({text})"
        case AzureError():
            return f"the service answered with an error ({text})"
    return text
