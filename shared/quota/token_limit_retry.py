"""Calls again what the token counter or the endpoint has refused for the time being, when the counter says it may.

For callers outside the app, who have no pump: waiting here is waiting in their own process.
"""

import asyncio
import functools
import logging
import math
import random
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from shared.errors import RateLimitedError, SluiceError
from shared.resilience.retry import Random, RetryPolicy
from shared.telemetry.events import log_event

DEFAULT_MAX_RETRIES = 5
MAX_WAIT_S = 90.0
"""Longest word of the counter that is followed: after a window and its guard all of the quota is free."""

_JITTER_S = 0.5
_UNKNOWN = RetryPolicy(base_s=1.0, cap_s=60.0)

logger = logging.getLogger(__name__)

type Sleep = Callable[[float], Awaitable[None]]


class StatusClient(Protocol):
    """The token counter, as far as it is asked how long to wait. TokenClient implements it."""

    async def get_status(self) -> dict[str, Any]: ...


async def with_token_limit_retry[T](
    func: Callable[..., Awaitable[T]],
    token_client: StatusClient,
    *args: Any,
    max_retries: int = DEFAULT_MAX_RETRIES,
    sleep: Sleep = asyncio.sleep,
    random: Random = random.random,
    **kwargs: Any,
) -> T:
    """Await `func(*args, **kwargs)`, again after each RateLimitedError, when the counter says that there is room.

    `max_retries`, `sleep` and `random` are taken by name and are not passed on: a function with a parameter of such a
    name is given it by functools.partial.

    Args:
        func: makes its calls through the counter (such as AzureOpenAIService with `token_counter_url`).
        token_client: of the same counter and deployment.
        max_retries: calls after the first; each waits up to MAX_WAIT_S and a moment of jitter.
        sleep: how to wait, in seconds.
        random: gives numbers in [0, 1), for the jitter.

    Raises:
        RateLimitedError: of the last call.
        Whatever else `func` raises, at once.
    """
    retry = 0
    while True:
        try:
            return await func(*args, **kwargs)
        except RateLimitedError as error:
            if retry >= max_retries:
                raise
            retry += 1
            wait_s = await _wait_s(token_client, error, retry, max_retries, random)
        log_event(logger, "token_limit_wait", attempt=retry, delay_s=round(wait_s, 3))
        await sleep(wait_s)


def with_token_limit_retry_decorator[**P, T](
    token_client: StatusClient,
    max_retries: int = DEFAULT_MAX_RETRIES,
    *,
    sleep: Sleep = asyncio.sleep,
    random: Random = random.random,
) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """As with_token_limit_retry, for every call of the decorated function."""

    def decorate(func: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        @functools.wraps(func)
        async def call(*args: P.args, **kwargs: P.kwargs) -> T:
            bound = functools.partial(func, *args, **kwargs)
            return await with_token_limit_retry(
                bound, token_client, max_retries=max_retries, sleep=sleep, random=random
            )

        return call

    return decorate


def room_in_s(status: dict[str, Any], retry: int, max_retries: int, retry_after_s: float | None = None) -> float:
    """How long to wait by the counter's word.

    The first retry waits for the next free start, the end of a freeze, or what the endpoint asked for. The counter
    doesn't know how many tokens the call needs: where something is free already, or that wasn't enough, each retry
    waits for a larger share of the time until the whole quota is free, the last for all of it.

    Args:
        status: see TokenClient.get_status. A value that is missing or is no number counts as 0.
        retry: number of this retry, from 1.
        retry_after_s: what the error said.

    Returns:
        Seconds, from 0 to MAX_WAIT_S.
    """
    now_s = _number(status.get("now_s"))
    until_s = max(_number(status.get("next_free_s")), _number(status.get("frozen_until_s")))
    asked_s = max(until_s - now_s if now_s else 0.0, _number(retry_after_s), 0.0)
    if retry > 1 or not asked_s:
        asked_s = max(asked_s, _number(status.get("reset_s")) * min(1.0, retry / max_retries))
    return min(MAX_WAIT_S, asked_s)


async def _wait_s(client: StatusClient, error: RateLimitedError, retry: int, max_retries: int, random: Random) -> float:
    try:
        status = await client.get_status()
    except SluiceError as unreachable:
        log_event(logger, "token_status_unknown", level=logging.WARNING, reason=unreachable.code)
        return min(MAX_WAIT_S, _UNKNOWN.delay_s(retry, error.retry_after_s, random))
    # Not all who waited for the same moment should come in it.
    return room_in_s(status, retry, max_retries, error.retry_after_s) + random() * _JITTER_S


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    try:
        number = float(value)
    except OverflowError:
        return 0.0
    return number if math.isfinite(number) else 0.0
