"""Keeps calls within a budget of tokens that is shared with others."""

import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from shared.errors import (
    AccessDeniedError,
    ModelUnavailableError,
    RateLimitedError,
    SluiceError,
    UnknownDeploymentError,
)
from shared.model.client import Completion
from shared.telemetry.events import log_event

logger = logging.getLogger(__name__)


class TokenClient(Protocol):
    """The token counter, as its callers see it."""

    async def lock_tokens(self, token_count: int) -> tuple[bool, str | None, str | None]:
        """Ask for tokens.

        Returns:
            Whether they are granted; the id of the lock where they are; the reason where they aren't.
        """
        ...

    async def report_usage(self, request_id: str, prompt_tokens: int, completion_tokens: int) -> object:
        """Say what the call used in the end."""
        ...

    async def release_tokens(self, request_id: str) -> object:
        """Give back tokens that were not used."""
        ...


async def within_budget(client: TokenClient, token_count: int, call: Callable[[], Awaitable[Completion]]) -> Completion:
    """Lock tokens, make the call, report what it used.

    A call that failed gives its tokens back only where the endpoint can't have charged them. Otherwise the lock stays
    until it expires. A report that fails is logged: the answer is paid for and must not be lost.

    Raises:
        RateLimitedError: the tokens are not granted; nothing was called.
        SluiceError: of the call, or of the lock.
    """
    allowed, request_id, reason = await client.lock_tokens(token_count)
    if not allowed or request_id is None:
        raise RateLimitedError(f"The token counter doesn't grant {token_count} tokens: {reason or 'no reason given'}.")
    try:
        completion = await call()
    except SluiceError as error:
        if not is_charged(error):
            await _settle("release", client.release_tokens(request_id))
        raise
    usage = completion.usage
    await _settle("report", client.report_usage(request_id, usage.input_tokens, usage.output_tokens))
    return completion


def is_charged(error: SluiceError) -> bool:
    """Whether the endpoint may have charged a call that failed with this error.

    It charges what it has processed, filtered prompts and timeouts included, but neither 401 nor 429 (Microsoft,
    "Plan and manage costs for Azure OpenAI", HTTP error response code and billing status).
    """
    if isinstance(error, ModelUnavailableError):
        return error.reached
    return not isinstance(error, RateLimitedError | AccessDeniedError | UnknownDeploymentError)


async def _settle(step: str, report: Awaitable[object]) -> None:
    try:
        await report
    except SluiceError as error:
        log_event(logger, "token_counter_failed", level=logging.WARNING, step=step, reason=error.code)
