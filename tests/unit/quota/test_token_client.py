"""The token client against a counter that answers as told, over real HTTP on loopback."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from shared.errors import AccessDeniedError, ConfigurationError
from shared.quota.token_client import TokenClient, TokenCounterError


class Counter:
    """Answers every request with what the test says, and remembers it."""

    def __init__(self) -> None:
        self.answer: Any = {}
        self.status = 200
        self.calls: list[tuple[str, str, Any, str | None]] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        self.calls.append((request.method, request.path, body, request.headers.get("Authorization")))
        if isinstance(self.answer, str):
            return web.Response(text=self.answer, status=self.status)
        return web.json_response(self.answer, status=self.status)


@pytest.fixture
async def counter() -> AsyncIterator[Counter]:
    fake = Counter()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", fake.handle)
    server = TestServer(app)
    await server.start_server()
    fake.url = str(server.make_url("")).rstrip("/")
    yield fake
    await server.close()


async def test_granted_lock_has_a_compound_id(counter: Counter) -> None:
    counter.answer = {"allowed": True, "request_id": "t1:r1"}
    async with TokenClient("shop", counter.url, deployment="gpt 4o") as client:
        assert await client.lock_tokens(1000) == (True, "t1:r1", None)
        await client.report_usage("t1:r1", prompt_tokens=500, completion_tokens=200)
        await client.release_tokens("t1:r1")
        counter.answer = {"limit": 100_000, "reset_s": 12.5}
        assert await client.get_status() == {"limit": 100_000, "reset_s": 12.5}
    assert [(m, p) for m, p, _, _ in counter.calls] == [
        ("POST", "/api/tokens/gpt 4o/lock"),
        ("POST", "/api/tokens/gpt 4o/report"),
        ("POST", "/api/tokens/gpt 4o/release"),
        ("GET", "/api/tokens/gpt 4o/status"),
    ]
    assert counter.calls[0][2] == {"app_id": "shop", "token_count": 1000}
    assert counter.calls[1][2]["prompt_tokens"] == 500


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        ({"allowed": False, "error": "wait 3 s"}, 200, "wait 3 s"),
        ({"allowed": False}, 200, "used up"),
        ({"allowed": True}, 200, "used up"),
        ({"allowed": "yes", "request_id": "t:r"}, 200, "used up"),
        ([], 200, "not a JSON object"),
        ("<html>", 200, "no answer"),
        ({}, 500, "500"),
        ({}, 403, "refuses"),
    ],
)
async def test_without_a_clear_grant_nothing_is_granted(
    counter: Counter, answer: Any, status: int, reason: str
) -> None:
    counter.answer, counter.status = answer, status
    async with TokenClient("shop", counter.url) as client:
        allowed, request_id, error = await client.lock_tokens(10)
    assert (allowed, request_id) == (False, None)
    assert reason in (error or "")


async def test_unreachable_counter() -> None:
    async with TokenClient("shop", "http://127.0.0.1:1") as client:
        assert (await client.lock_tokens(1))[0] is False
        with pytest.raises(TokenCounterError):
            await client.get_status()


async def test_identity_is_sent_where_asked(counter: Counter) -> None:
    class Credential:
        async def get_token(self, scope: str) -> SimpleNamespace:
            return SimpleNamespace(token=f"token for {scope}")

    async with TokenClient("shop", counter.url, "api://sluice", True, credential=Credential()) as client:  # type: ignore[arg-type]
        await client.get_status()
        counter.status = 401
        with pytest.raises(AccessDeniedError):
            await client.report_usage("t:r", 1, 1)
    assert counter.calls[0][3] == "Bearer token for api://sluice/.default"


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="resource URI"):
        TokenClient("shop", "http://x", use_auth=True)
    with pytest.raises(ConfigurationError, match="http"):
        TokenClient("shop", "x:8000")
