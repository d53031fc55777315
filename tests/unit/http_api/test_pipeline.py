"""What every request goes through."""

import json
import logging
from typing import Any

import pytest

from shared.config_http import HttpAuth, HttpSettings
from shared.errors import ConfigurationError, ConflictError, InvalidMessageError, StorageError
from shared.http_api.endpoint import Endpoint
from shared.http_api.errors import ResourceNotFoundError
from shared.http_api.messages import Call, Request, Response, json_response
from shared.http_api.pipeline import Handler, Pipeline
from shared.security.authentication import Authenticator
from shared.security.rate_limit import RateLimitCache
from shared.security.tokens import TokenManager
from tests.unit.security.test_rate_limit import Clock, MemoryRows

SECRET = "s" * 32
READ = Endpoint("look", "GET", "things/{id}", "jobs:read", "Look", "things", {200: "Thing"})
CHANGE = Endpoint(
    "put", "POST", "things/{id}", "jobs:submit", "Put", "things", {200: "Thing"}, change=True, media="application/json"
)
OPEN = Endpoint("live", "GET", "live", None, "Alive", "health", {200: "Alive"})
URL = "https://app.example/api/things/7?code=secret-key"


def pipeline(**settings: Any) -> Pipeline:
    given = HttpSettings(**{"auth": HttpAuth.ENTRA, "dev_secret": SECRET, **settings})
    return Pipeline(given, Authenticator(given, None), RateLimitCache(MemoryRows(), Clock()))


def bearer(*roles: str, **claims: Any) -> dict[str, str]:
    token = TokenManager(SECRET).create_access_token({"user_id": "u1", "roles": list(roles), **claims})
    return {"authorization": f"Bearer {token}"}


async def ok(call: Call) -> Response:
    return json_response({"id": call.request.params.get("id"), "caller": call.caller and call.caller.id})


def raising(error: Exception) -> Handler:
    async def answer(call: Call) -> Response:
        raise error

    return answer


async def never(call: Call) -> Response:
    raise AssertionError("it is turned away before")


def get(**headers: str) -> Request:
    return Request("GET", URL, {"id": "7"}, {"code": "secret-key"}, headers)


def post(body: bytes = b"{}", **headers: str) -> Request:
    headers = {"content-type": "application/json", "host": "app.example", **headers}
    return Request(
        "POST", URL, {"id": "7"}, {}, {name.replace("_", "-"): value for name, value in headers.items()}, body
    )


def content(response: Response) -> Any:
    return json.loads(response.body)


async def test_a_good_request_is_answered_with_all_headers() -> None:
    response = await pipeline().handle(READ, get(**bearer("Sluice.Read"), **{"x-correlation-id": "mine:1"}), ok)
    assert (response.status, content(response)) == (200, {"id": "7", "caller": "user:u1"})
    assert response.headers["X-Correlation-Id"] == "mine:1"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["RateLimit"] == '"caller";r=5999;t=1'
    assert response.headers["RateLimit-Policy"] == '"caller";q=6000;w=60'
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


async def test_an_answers_own_headers_win() -> None:
    async def page(call: Call) -> Response:
        return Response(200, b"<p>", "text/html", {"Cache-Control": "max-age=5"})

    response = await pipeline().handle(OPEN, get(), page)
    assert (response.headers["Cache-Control"], response.content_type) == ("max-age=5", "text/html")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "unauthenticated"),
        ({"authorization": "Bearer x.y.z"}, 401, "invalid_token"),
        (bearer(), 403, "forbidden"),
        (bearer("Sluice.Submit"), 403, "forbidden"),
    ],
    ids=["nothing", "no token", "no role", "wrong role"],
)
async def test_strangers_learn_nothing(headers: dict[str, str], status: int, code: str) -> None:
    response = await pipeline().handle(READ, get(**headers), never)
    problem = content(response)
    assert (response.status, problem["status"], problem["code"]) == (status, status, code)
    assert response.content_type == "application/problem+json"
    assert ("WWW-Authenticate" in response.headers) == (status == 401)
    assert "secret-key" not in str(response)
    ours = {"type", "title", "status", "detail", "code", "trace_id", "correlation_id"}
    assert set(problem) == {*ours, "job_id"}, "the id that the caller has named themselves"


async def test_nobody_is_let_in_where_the_settings_are_wrong() -> None:
    closed = Pipeline(HttpSettings(), None, None)
    assert (await closed.handle(READ, get(**bearer("Sluice.Admin")), never)).status == 503
    assert (await closed.handle(OPEN, get(), ok)).status == 200


async def test_the_rate_of_a_caller() -> None:
    door = pipeline(rate_per_minute=3)
    answers = [await door.handle(READ, get(**bearer("Sluice.Read")), ok) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].headers["Retry-After"] == "20"
    assert answers[-1].headers["RateLimit"] == '"caller";r=0;t=60'
    assert (await door.handle(READ, get(**bearer("Sluice.Read", user_id="u2")), ok)).status == 200
    unlimited = pipeline(rate_per_minute=0)
    assert "RateLimit" not in (await unlimited.handle(READ, get(**bearer("Sluice.Read")), ok)).headers


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InvalidMessageError("The field text is missing.", field="text"), 400, "invalid_message"),
        (ResourceNotFoundError("job", "a1", more={"job_id": "a1"}), 404, "not_found"),
        (ConflictError("It runs."), 409, "conflict"),
        (StorageError("Away."), 503, "storage"),
        (ConfigurationError("The setting X is missing."), 503, "configuration"),
        (RuntimeError("a body that nobody may see"), 500, "internal"),
        (KeyError("a body that nobody may see"), 500, "internal"),
    ],
)
async def test_errors_become_problems(
    error: Exception, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    response = await pipeline().handle(READ, get(**bearer("Sluice.Read"), **headers), raising(error))
    problem = content(response)
    assert (response.status, problem["status"], problem["code"]) == (status, status, code)
    assert problem["type"] == f"/api/docs#{code}"
    assert problem["trace_id"] == trace
    assert problem["correlation_id"] == response.headers["X-Correlation-Id"]
    assert ("Retry-After" in response.headers) == (status == 503)
    assert "nobody may see" not in response.body.decode() + caplog.text
    if isinstance(error, InvalidMessageError):
        assert problem["field"] == "text"
    if isinstance(error, ResourceNotFoundError):
        assert problem["job_id"] == "a1"


async def test_bodies_are_looked_at_before_they_are_parsed() -> None:
    door, who = pipeline(max_body_bytes=1000), bearer("Sluice.Submit")
    assert (await door.handle(CHANGE, post(b"x" * 1001, **who), never)).status == 413
    response = await door.handle(CHANGE, post(b"{}", content_type="text/plain", **who), never)
    assert (response.status, content(response)["code"]) == (415, "unsupported_media_type")
    fine = post(b"{}", content_type="Application/JSON; charset=utf-8", **who)
    assert (await door.handle(CHANGE, fine, ok)).status == 200
    assert (await door.handle(CHANGE, post(b"", content_type="", **who), ok)).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"sec_fetch_site": "same-origin", "origin": "https://app.example"}, 200),
        ({"sec_fetch_site": "none"}, 200),
        ({"origin": "https://app.example"}, 200),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site", "origin": "https://evil.app.example"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec_fetch_site": "cross-site", "origin": "https://portal.example"}, 200),
    ],
)
async def test_pages_of_other_sites_change_nothing(headers: dict[str, str], status: int) -> None:
    door = pipeline(origins=("https://portal.example",))
    response = await door.handle(CHANGE, post(**bearer("Sluice.Submit"), **headers), ok)
    assert response.status == status


async def test_cors_headers_are_for_known_origins_alone() -> None:
    door = pipeline(origins=("https://portal.example",))
    known = await door.handle(READ, get(origin="https://portal.example", **bearer("Sluice.Read")), ok)
    assert known.headers["Access-Control-Allow-Origin"] == "https://portal.example"
    assert known.headers["Vary"] == "Origin"
    other = await door.handle(READ, get(origin="https://evil.example", **bearer("Sluice.Read")), ok)
    assert "Access-Control-Allow-Origin" not in other.headers
    assert not [
        name for name in (await pipeline().handle(OPEN, get(origin="https://x"), ok)).headers if "Access" in name
    ]
    preflight = door.cors.preflight({"origin": "https://portal.example"})
    assert "PUT" in preflight["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Methods" not in door.cors.preflight({"origin": "https://evil.example"})


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "a\r\nset-cookie: b", "ä", '"', "<script>"])
async def test_correlation_ids_that_could_do_harm_are_replaced(given: str) -> None:
    response = await pipeline().handle(OPEN, get(**{"x-correlation-id": given}), ok)
    assert response.headers["X-Correlation-Id"] != given
    assert len(response.headers["X-Correlation-Id"]) == 32


async def test_what_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    door = pipeline()
    await door.handle(CHANGE, post(b'{"text": "private"}', **bearer("Sluice.Submit")), ok)
    await door.handle(CHANGE, post(**bearer("Sluice.Read")), never)
    await door.handle(READ, get(authorization="Bearer x.y.z"), never)
    requests = [record.fields for record in caplog.records if getattr(record, "event", "") == "http_request"]
    changes = [record.fields for record in caplog.records if getattr(record, "event", "") == "audit"]
    assert [(r["route"], r["status"], r.get("caller")) for r in requests] == [
        ("things/{id}", 200, "user:u1"),
        ("things/{id}", 403, "user:u1"),
        ("things/{id}", 401, None),
    ]
    assert requests[2]["refused"] == "DecodeError"
    assert [(c["action"], c["target"], c["status"], c["caller"]) for c in changes] == [
        ("jobs:submit", "things/7", 200, "user:u1"),
        ("jobs:submit", "things/7", 403, "user:u1"),
    ]
    assert all(name in requests[0] for name in ("took_ms", "bytes_in", "correlation_id", "trace_id"))
    for secret in ("private", "secret-key", "Bearer"):
        assert secret not in caplog.text
