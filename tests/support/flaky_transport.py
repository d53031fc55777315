"""A transport of the Azure SDK that loses requests, or the answers to them."""

import random
from collections.abc import Sequence
from typing import Any

from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from azure.core.pipeline.transport import AioHttpTransport


class FlakyTransport(AioHttpTransport):
    """Fails for some requests.

    Args:
        lost: share of requests that never arrive.
        unanswered: share of those that are done, and whose answer is lost.
        methods: that it may happen to.
    """

    def __init__(
        self, rng: random.Random, lost: float, unanswered: float, methods: Sequence[str] = ("POST", "PUT", "DELETE")
    ) -> None:
        super().__init__(use_env_settings=False)
        self._rng = rng
        self._lost = lost
        self._unanswered = unanswered
        self._methods = methods
        self.failed = 0

    async def send(self, request: Any, **kwargs: Any) -> Any:
        fate = self._rng.random() if request.method in self._methods else 1.0
        if fate < self._lost:
            self.failed += 1
            raise ServiceRequestError("lost")
        response = await super().send(request, **kwargs)
        if fate < self._lost + self._unanswered:
            self.failed += 1
            raise ServiceResponseError("unanswered")
        return response
