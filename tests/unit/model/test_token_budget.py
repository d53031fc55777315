"""Calls within a shared token budget."""

import asyncio

import pytest

from shared.errors import (
    AccessDeniedError,
    ContentFilteredError,
    ModelRequestError,
    ModelTimeoutError,
    ModelUnavailableError,
    RateLimitedError,
    SluiceError,
    UnknownDeploymentError,
)
from shared.model.client import Completion, Usage
from shared.model.token_budget import within_budget
from tests.fakes import RecordingTokenClient

ANSWER = Completion("text", "model", "stop", Usage(70, 30))


async def _answer() -> Completion:
    return ANSWER


@pytest.mark.parametrize("fails", [False, True])
async def test_locks_before_and_reports_after(fails: bool) -> None:
    client = RecordingTokenClient(fails=fails)
    assert await within_budget(client, 150, _answer) == ANSWER
    assert client.events == [("lock", 150), ("report", "t1:r1", 70, 30)]


async def test_nothing_is_called_without_a_grant() -> None:
    client = RecordingTokenClient(grants=False)

    async def must_not_happen() -> Completion:
        raise AssertionError

    with pytest.raises(RateLimitedError, match="doesn't grant 150 tokens: resets in 20 s"):
        await within_budget(client, 150, must_not_happen)
    assert client.events == [("lock", 150)]


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize(
    ("error", "released"),
    [
        (RateLimitedError(), True),
        (AccessDeniedError(), True),
        (UnknownDeploymentError(), True),
        (ModelUnavailableError(reached=False), True),
        (ModelUnavailableError(), False),
        (ModelTimeoutError(), False),
        (ContentFilteredError(), False),
        (ModelRequestError(), False),
    ],
)
async def test_releases_only_what_was_not_charged(error: SluiceError, released: bool, fails: bool) -> None:
    client = RecordingTokenClient(fails=fails)

    async def fail() -> Completion:
        raise error

    with pytest.raises(SluiceError) as caught:
        await within_budget(client, 150, fail)
    assert caught.value is error
    assert client.events[1:] == ([("release", "t1:r1")] if released else [])


async def test_a_cancelled_call_keeps_its_lock() -> None:
    client = RecordingTokenClient()
    started = asyncio.Event()

    async def hang() -> Completion:
        started.set()
        await asyncio.Event().wait()
        return ANSWER

    task = asyncio.create_task(within_budget(client, 150, hang))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert client.events == [("lock", 150)]
