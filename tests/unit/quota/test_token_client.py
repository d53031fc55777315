"""The token client against a counter that answers as told, over real HTTP on loopback."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from shared.errors import AccessDeniedError, ConfigurationError
from shared.quota.token_client import TokenClient, TokenCounterError, TokenCounterRefusedError


class Counter:
    """Answers every request with what the test says, and remembers it."""

    def __init__(self) -> None:
        self.answer: Any = {}
        self.status = 200
        self.calls: list[tuple[str, str, Any, str | None]] = []
        self.keys: list[str | None] = []
        self.lost = 0
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        self.calls.append((request.method, request.path, body, request.headers.get("Authorization")))
        self.keys.append(request.headers.get("x-functions-key"))
        if self.lost:
            self.lost -= 1
            assert request.transport is not None
            request.transport.close()
        if isinstance(self.answer, str):
            return web.Response(text=self.answer, status=self.status)
        return web.json_response(self.answer, status=self.status)


async def no_sleep(_: float) -> None:
    return


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
    asked = counter.calls[0][2]
    assert (asked["app_id"], asked["token_count"], len(asked["id"])) == ("shop", 1000, 32)
    assert counter.calls[1][2]["prompt_tokens"] == 500


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        ({"allowed": False, "error": "wait 3 s"}, 200, "wait 3 s"),
        ({"allowed": False}, 200, "used up"),
        ({"allowed": True}, 200, "used up"),
        ({"allowed": "yes", "request_id": "t:r"}, 200, "used up"),
        ([], 200, "not a JSON object"),
        ("<html>", 200, "not a JSON object"),
        ({"detail": "it can never run"}, 413, "413 to lock: it can never run"),
        ("[" * 100_000, 400, "no reason"),
        ({}, 500, "500"),
        ({}, 403, "refuses"),
    ],
)
async def test_without_a_clear_grant_nothing_is_granted(
    counter: Counter, answer: Any, status: int, reason: str
) -> None:
    counter.answer, counter.status = answer, status
    async with TokenClient("shop", counter.url, sleep=no_sleep) as client:
        allowed, request_id, error = await client.lock_tokens(10)
    assert (allowed, request_id) == (False, None)
    assert reason in (error or "")
    assert len(counter.calls) == (3 if status >= 500 else 1)


async def test_a_lock_whose_answer_is_lost_is_asked_for_again_under_its_id(counter: Counter) -> None:
    counter.answer = {"allowed": True, "request_id": "t:r", "now_s": 10.0, "until_s": 11.9}
    counter.lost = 2
    async with TokenClient("shop", counter.url, sleep=no_sleep) as client:
        assert await client.lock_tokens(10) == (True, "t:r", None)
        assert await client.lock_tokens(10) == (True, "t:r", None)
    ids = [body["id"] for _, _, body, _ in counter.calls]
    assert ids[0] == ids[1] == ids[2] != ids[3]


async def test_a_grant_that_has_run_out_is_given_back(counter: Counter) -> None:
    counter.answer = {"allowed": True, "request_id": "t:r", "now_s": 12.0, "until_s": 11.9}
    async with TokenClient("shop", counter.url) as client:
        allowed, request_id, error = await client.lock_tokens(10)
    assert (allowed, request_id) == (False, None)
    assert "too late" in (error or "")
    assert [path.rpartition("/")[2] for _, path, _, _ in counter.calls] == ["lock", "release"]
    assert counter.calls[1][2]["request_id"] == "t:r"


async def test_limits_are_put_and_refusals_say_why(counter: Counter) -> None:
    counter.answer = {"limits": {"tpm": 5}}
    async with TokenClient("shop", counter.url) as client:
        assert await client.set_limits({"tpm": 5}) == {"limits": {"tpm": 5}}
        counter.answer, counter.status = {"detail": "tpm must be a number."}, 400
        with pytest.raises(TokenCounterRefusedError, match="tpm must be a number"):
            await client.set_limits({"tpm": 0})
    assert counter.calls[0][:3] == ("PUT", "/api/tokens/default/limits", {"tpm": 5})


async def test_the_function_key_is_sent_where_given(counter: Counter) -> None:
    async with TokenClient("shop", counter.url, function_key="abc==") as client:
        await client.get_status()
    async with TokenClient("shop", counter.url) as client:
        await client.get_status()
    assert counter.keys == ["abc==", None]


async def test_unreachable_counter() -> None:
    async with TokenClient("shop", "http://127.0.0.1:1", sleep=no_sleep) as client:
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
    with pytest.raises(ConfigurationError, match="key"):
        TokenClient("shop", "http://x", function_key="a\nb")
