"""Whether a step is tried again: pure decisions, as lifecycle.py makes them for jobs of one call."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from shared.errors import InvalidOutputError, RateLimitedError, SluiceError, TransientError
from shared.resilience.retry import RetryPolicy


@dataclass(frozen=True, slots=True)
class Tried:
    """How far a step has come.

    Attributes:
        attempt: the one that comes next, from 1.
        throttles: how often the endpoint answered 429.
        delay_s: to wait before the next call lines up.
        extra_tokens: that the next call has more than the first: those of the answer that it is to repair.
    """

    attempt: int = 1
    throttles: int = 0
    delay_s: float = 0.0
    extra_tokens: int = 0

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Self:
        """What `as_dict` gave."""
        return cls(**raw)


def after_error(
    tried: Tried, error: SluiceError, policy: RetryPolicy, *, max_throttles: int, repair_tokens: int | None
) -> Tried | None:
    """A call of a step failed.

    Args:
        repair_tokens: where the invalid answer was kept for the one repair call of the step: how much that adds.

    Returns:
        How to go on; None where the job ends as failed for this reason.
    """
    if isinstance(error, InvalidOutputError) and repair_tokens is not None:
        return replace(tried, delay_s=0.0, extra_tokens=repair_tokens)
    if isinstance(error, RateLimitedError):
        # Not the job's fault, and no attempt: everyone waits now.
        throttled = replace(tried, throttles=tried.throttles + 1, delay_s=0.0)
        return throttled if throttled.throttles < max_throttles else None
    if isinstance(error, TransientError) and tried.attempt < policy.max_attempts:
        return replace(tried, attempt=tried.attempt + 1, delay_s=policy.delay_s(tried.attempt, error.retry_after_s))
    return None
