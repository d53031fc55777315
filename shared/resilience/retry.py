"""When to try again: exponential backoff with full jitter.

One policy for tries within a call (`retry`) and for a job's attempts (the runner, through pending rows).
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.errors import TransientError
from shared.telemetry.events import log_event

_MAX_DOUBLINGS = 30  # far beyond any cap; more would overflow a float

logger = logging.getLogger(__name__)

type Random = Callable[[], float]
"""Gives a number in [0, 1), as random.random."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and how long between.

    Attributes:
        max_attempts: physical tries in all, the first included.
        base_s: longest wait after the first failure; it doubles with every further one.
        cap_s: longest backoff.
    """

    max_attempts: int = 5
    base_s: float = 1.0
    cap_s: float = 60.0

    def delay_s(self, attempt: int, retry_after_s: float | None = None, random: Random = random.random) -> float:
        """Seconds to wait after a failed attempt.

        Uniform between 0 and the backoff ("full jitter": AWS Architecture Blog, "Exponential Backoff And Jitter"), on
        top of what the other side asked for: it is never asked too early, nor by everybody at once. The sum may
        exceed `cap_s`.

        Args:
            attempt: number of the attempt that failed, from 1.
            retry_after_s: what the other side asked for.
        """
        backoff_s = min(self.cap_s, self.base_s * 2.0 ** min(attempt - 1, _MAX_DOUBLINGS))
        return (retry_after_s or 0.0) + random() * backoff_s


DEFAULT_POLICY = RetryPolicy()


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """Try again after this wait."""

    delay_s: float


def decide(
    error: BaseException, attempt: int, policy: RetryPolicy = DEFAULT_POLICY, random: Random = random.random
) -> RetryDecision | None:
    """Whether to try again.

    Args:
        attempt: number of the attempt that failed with this error, from 1.

    Returns:
        None for whatever isn't a TransientError, and after the last attempt.
    """
    if not isinstance(error, TransientError) or attempt >= policy.max_attempts:
        return None
    return RetryDecision(policy.delay_s(attempt, error.retry_after_s, random))


async def retry[T](
    call: Callable[[], Awaitable[T]],
    policy: RetryPolicy = DEFAULT_POLICY,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    random: Random = random.random,
) -> T:
    """Call until it succeeds or the policy says stop. Waiting here is billed: jobs wait in pending rows instead.

    Raises:
        The error of the last attempt.
    """
    attempt = 1
    while True:
        try:
            return await call()
        except TransientError as error:
            decision = decide(error, attempt, policy, random)
            if decision is None:
                raise
            delay_s = round(decision.delay_s, 3)
            log_event(
                logger, "retry_scheduled", level=logging.WARNING, attempt=attempt, delay_s=delay_s, reason=error.code
            )
        await sleep(decision.delay_s)
        attempt += 1
