"""Reads what model endpoints say in response headers. Anything may be missing or nonsense."""

import math
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

from shared.model.client import QuotaHeaders

MAX_RETRY_AFTER_S = 120.0


def quota_headers(headers: Mapping[str, str]) -> QuotaHeaders:
    """The `x-ratelimit-*` headers. Azure sends -1 where it doesn't know: that counts as missing."""
    return QuotaHeaders(
        limit_tokens=_count(headers.get("x-ratelimit-limit-tokens")),
        remaining_tokens=_count(headers.get("x-ratelimit-remaining-tokens")),
        limit_requests=_count(headers.get("x-ratelimit-limit-requests")),
        remaining_requests=_count(headers.get("x-ratelimit-remaining-requests")),
    )


def retry_after_s(headers: Mapping[str, str], now: Callable[[], float] = time.time) -> float | None:
    """Seconds that the endpoint asks us to wait: `retry-after-ms`, else `retry-after` (seconds or an HTTP date).

    Both are known to be missing, 0, -1 or 86400 (openai-python #937, openai-dotnet #838). Waits are capped at
    MAX_RETRY_AFTER_S: quotas are counted by the minute, so a longer wait is a mistake or worth asking about again.

    Args:
        now: Unix time in seconds, for dates.

    Returns:
        None where nothing usable was said.
    """
    after_ms = _number(headers.get("retry-after-ms"))
    after_s = _number(headers.get("retry-after"))
    candidates = (
        None if after_ms is None else after_ms / 1000,
        _seconds_until(headers.get("retry-after"), now) if after_s is None else after_s,
    )
    return next((min(given, MAX_RETRY_AFTER_S) for given in candidates if given is not None and given > 0), None)


def request_id(headers: Mapping[str, str]) -> str | None:
    """What the provider's support asks for: the gateway's id on Azure, else the service's."""
    return headers.get("apim-request-id") or headers.get("x-request-id")


def _count(raw: str | None) -> int | None:
    # 18 digits: more can't be a count, and Python refuses to convert very long numbers.
    text = (raw or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _number(raw: str | None) -> float | None:
    try:
        value = float(raw or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _seconds_until(raw: str | None, now: Callable[[], float]) -> float | None:
    try:
        return parsedate_to_datetime(raw or "").timestamp() - now()
    except (ValueError, OverflowError):
        return None
